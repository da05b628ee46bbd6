//! What keeps an expression or a template from costing more than its fuel says.
//!
//! minijinja's fuel is spent on steps and on bytes. It does not see lists that are only promised: `a + a` of a list,
//! done over and over, doubles what has to be gone through, and a list in a list in a list is left as deeply as it
//! was entered. Both need something that is carried on from round to round: so nothing is (`namespace`, recursion),
//! and what a text can then still pile up is counted here, before anything is worked out.

use minijinja::machinery::Span;
use minijinja::machinery::ast::{self, BinOpKind, CallArg, Expr, Stmt};

use super::Fault;
use super::walk::{Scopes, Walk, bytes};

/// How many lists may be put together into one.
const MAX_PARTS: usize = 1_000;
/// How deep values may be nested.
const MAX_DEPTH: usize = 100;
/// What a macro is given may be piled up so far: inside the macro it goes on from there.
const MAX_ARGUMENT: Pile = Pile {
    parts: 20,
    depth: 20,
};
/// How far `tojson` may indent.
const MAX_INDENT: i64 = 16;
/// Names that always mean the same, so that what is called is known.
const FIXED: [&str; 4] = ["range", "dict", "caller", "loop"];

/// How much a value may consist of.
#[derive(Clone, Copy, Default)]
struct Pile {
    parts: usize,
    depth: usize,
}

impl Pile {
    /// Values beside each other, in one that holds them.
    fn and(self, other: Self) -> Self {
        Self {
            parts: self.parts.saturating_add(other.parts),
            depth: self.depth.max(other.depth),
        }
    }

    fn deeper(self) -> Self {
        Self {
            depth: self.depth + 1,
            ..self
        }
    }
}

/// Where a statement stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Text,
    Macro,
    CallBlock,
}

/// The first thing in an expression that could cost too much.
pub(super) fn check_expression(expression: &Expr<'_>) -> Result<(), Fault> {
    let mut walk = Bounds::new();
    walk.value(expression);
    walk.fault.map_or(Ok(()), Err)
}

/// The first thing in a template that could cost too much.
pub(super) fn check_template(template: &Stmt<'_>) -> Result<(), Fault> {
    let mut walk = Bounds::new();
    walk.statement(template);
    walk.fault.map_or(Ok(()), Err)
}

struct Bounds<'s> {
    scopes: Scopes<'s, Pile>,
    inside: Inside,
    fault: Option<Fault>,
}

impl<'s> Walk<'s> for Bounds<'s> {
    type Value = Pile;

    fn scopes(&mut self) -> &mut Scopes<'s, Pile> {
        &mut self.scopes
    }

    fn see_loop(&mut self, each: &ast::Spanned<ast::ForLoop<'s>>) {
        if each.recursive {
            let help = "write a loop for each level";
            self.refuse(each.span(), "a loop can't be `recursive`", help);
        }
    }

    fn item(value: Pile) -> Pile {
        value
    }

    fn declare(&mut self, declared: &ast::Spanned<ast::Macro<'s>>) {
        self.check_name(declared.name, declared.span());
    }

    fn body(&mut self, declared: &ast::Spanned<ast::Macro<'s>>, of_call: bool) {
        let inside = match (of_call, self.inside) {
            (false, _) => Inside::Macro,
            (true, Inside::Text) => Inside::CallBlock,
            (true, inside) => inside,
        };
        for default in &declared.defaults {
            let value = self.value(default);
            self.check_argument(default.span(), value);
        }
        let before = std::mem::replace(&mut self.inside, inside);
        self.scoped(|walk| {
            for argument in &declared.args {
                walk.assign(argument, MAX_ARGUMENT);
            }
            walk.statements(&declared.body);
        });
        self.inside = before;
    }

    fn assign(&mut self, target: &Expr<'s>, value: Pile) {
        match target {
            Expr::Var(var) => {
                self.check_name(var.id, var.span());
                if let Some(scope) = self.scopes.innermost() {
                    // Where both branches of an `if` set it, the larger counts.
                    let old = scope.entry(var.id).or_default();
                    old.parts = old.parts.max(value.parts).max(1);
                    old.depth = old.depth.max(value.depth);
                }
            }
            Expr::List(list) => list.items.iter().for_each(|item| self.assign(item, value)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.assign(item, value)),
            other => {
                self.value(other);
            }
        }
    }

    fn call(&mut self, call: &ast::Spanned<ast::Call<'s>>) -> Pile {
        let called = match &call.expr {
            Expr::Var(var) => var.id,
            Expr::GetAttr(attribute) => match &attribute.expr {
                Expr::Var(var) if var.id == "loop" => "loop",
                _ => "",
            },
            _ => "",
        };
        if called == "namespace" {
            let text = "there is no `namespace`: nothing is carried on from one round of a loop to the next";
            let help = "work it out with filters: `selectattr`, `map`, `select`, `join`, `length`";
            self.refuse(call.span(), text, help);
        }
        if called.is_empty() {
            self.value(&call.expr);
        }
        let allowed = match self.inside {
            Inside::Text => true,
            Inside::Macro => FIXED.contains(&called),
            Inside::CallBlock => FIXED.contains(&called) && called != "caller",
        };
        if !allowed {
            let text = "a macro can't call another one, nor itself";
            let help = "call it in the template itself, and hand over what it says";
            self.refuse(call.span(), text, help);
        }
        let mut sum = Pile::default();
        for given in call.args.iter().map(argument) {
            let value = self.value(given);
            self.check_argument(given.span(), value);
            sum = sum.and(value);
        }
        sum.deeper()
    }

    fn value(&mut self, expression: &Expr<'s>) -> Pile {
        let pile = match expression {
            Expr::Var(var) => {
                let local = self.scopes.get(var.id);
                local.copied().unwrap_or(Pile { parts: 1, depth: 0 })
            }
            Expr::Const(_) => Pile::default(),
            Expr::Slice(slice) => {
                let ends = [&slice.start, &slice.stop, &slice.step];
                self.all(ends.into_iter().flatten());
                self.value(&slice.expr).deeper()
            }
            Expr::UnaryOp(unary) => self.value(&unary.expr),
            Expr::BinOp(binary) => {
                let both = self.all([&binary.left, &binary.right]);
                if matches!(binary.op, BinOpKind::Mul) {
                    self.check_repeated(&binary.left);
                    self.check_repeated(&binary.right);
                    both.deeper()
                } else {
                    both
                }
            }
            Expr::Compare(compare) => {
                self.value(&compare.expr);
                self.all(compare.ops.iter().map(|op| &op.expr));
                Pile::default()
            }
            Expr::IfExpr(choice) => {
                self.value(&choice.test_expr);
                self.all([&choice.true_expr].into_iter().chain(&choice.false_expr))
            }
            Expr::Filter(filter) => self.filter(filter),
            Expr::Test(test) => {
                self.value(&test.expr);
                self.arguments(&test.args);
                Pile::default()
            }
            Expr::GetAttr(attribute) => self.value(&attribute.expr),
            Expr::GetItem(item) => {
                self.value(&item.subscript_expr);
                self.value(&item.expr)
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => self.all(&list.items).deeper(),
            Expr::Tuple(tuple) => self.all(&tuple.items).deeper(),
            Expr::Map(map) => self.all(map.keys.iter().chain(&map.values)).deeper(),
        };
        // Whatever it is, it is one part at the least: of nothing, any number would be nothing.
        let pile = Pile {
            parts: pile.parts.max(1),
            ..pile
        };
        if pile.parts > MAX_PARTS {
            let text = format!("more than {MAX_PARTS} lists or texts are put together here");
            self.refuse(expression.span(), text, "put less together");
        }
        if pile.depth > MAX_DEPTH {
            let text = format!("values are nested more than {MAX_DEPTH} deep here");
            self.refuse(expression.span(), text, "nest less");
        }
        // One fault is enough, and what comes of it is none.
        match self.fault {
            Some(_) => Pile::default(),
            None => pile,
        }
    }
}

impl<'s> Bounds<'s> {
    fn new() -> Self {
        Self {
            scopes: Scopes::new(),
            inside: Inside::Text,
            fault: None,
        }
    }

    fn refuse(&mut self, span: Span, message: impl Into<String>, help: &str) {
        self.fault.get_or_insert_with(|| Fault {
            range: bytes(span),
            message: message.into(),
            label: "here".into(),
            help: Some(help.to_owned()),
        });
    }

    /// Who gives `range` another meaning could call what is not known here.
    fn check_name(&mut self, name: &str, span: Span) {
        if FIXED.contains(&name) {
            let message = format!("`{name}` has a meaning in the language");
            self.refuse(span, message, "take another name");
        }
    }

    fn check_argument(&mut self, span: Span, value: Pile) {
        if value.parts > MAX_ARGUMENT.parts || value.depth > MAX_ARGUMENT.depth {
            let text = "what a macro is given is put together from too many lists";
            self.refuse(span, text, "put less together at once");
        }
    }

    fn all<'e>(&mut self, values: impl IntoIterator<Item = &'e Expr<'s>>) -> Pile
    where
        's: 'e,
    {
        let mut sum = Pile::default();
        for value in values {
            sum = sum.and(self.value(value));
        }
        sum
    }

    fn arguments(&mut self, arguments: &[CallArg<'s>]) -> Pile {
        self.all(arguments.iter().map(argument))
    }

    /// A list of lists that is repeated is as large as nobody has paid for.
    fn check_repeated(&mut self, operand: &Expr<'s>) {
        let repeats_more = match operand {
            Expr::List(list) => list.items.iter().any(|item| item.as_const().is_none()),
            Expr::Tuple(tuple) => tuple.items.iter().any(|item| item.as_const().is_none()),
            _ => false,
        };
        if repeats_more {
            let help = "repeat a text, or use a loop";
            self.refuse(
                operand.span(),
                "a list of other values can't be repeated",
                help,
            );
        }
    }

    fn filter(&mut self, filter: &ast::Spanned<ast::Filter<'s>>) -> Pile {
        let input = filter.expr.as_ref().map(|input| self.value(input));
        let given = self.arguments(&filter.args);
        if filter.name == "tojson" {
            for given in filter.args.iter().map(argument) {
                self.check_indent(given);
            }
        }
        if filter.name == "map" {
            let mut positions = filter.args.iter().filter_map(|given| match given {
                CallArg::Pos(value) => Some(value),
                CallArg::PosSplat(value) => Some(value),
                CallArg::Kwarg(..) | CallArg::KwargSplat(_) => None,
            });
            let named = positions.next().map(|name| (name, constant_text(name)));
            match named {
                Some((name, None)) => {
                    let help = "write the filter's name as a text: `map(\"upper\")`";
                    self.refuse(name.span(), "the filter of `map` isn't known here", help);
                }
                Some((name, Some(text))) if text == "tojson" && filter.args.len() > 1 => {
                    let help = "write `map(\"tojson\")`";
                    self.refuse(name.span(), "`tojson` can't indent inside `map`", help);
                }
                _ => {}
            }
        }
        input.unwrap_or_default().and(given).deeper()
    }

    fn check_indent(&mut self, given: &Expr<'s>) {
        let fits = match given {
            Expr::Const(constant) => constant
                .value
                .as_i64()
                .is_none_or(|indent| (0..=MAX_INDENT).contains(&indent)),
            _ => false,
        };
        if !fits {
            let text = format!("`tojson` indents by a number of its own, from 0 to {MAX_INDENT}");
            self.refuse(given.span(), text, "write `tojson(indent=2)`");
        }
    }
}

fn argument<'a, 's>(argument: &'a CallArg<'s>) -> &'a Expr<'s> {
    match argument {
        CallArg::Pos(value)
        | CallArg::Kwarg(_, value)
        | CallArg::PosSplat(value)
        | CallArg::KwargSplat(value) => value,
    }
}

fn constant_text(expression: &Expr<'_>) -> Option<String> {
    match expression {
        Expr::Const(constant) => constant.value.as_str().map(str::to_owned),
        _ => None,
    }
}
