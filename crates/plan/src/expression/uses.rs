//! What an expression or a template names, with the places.

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::machinery::Span;
use minijinja::machinery::ast::{self, CallArg, Expr, Stmt};

use super::truth::{self, Part};
use super::walk::{Scopes, Walk, bytes};

/// A name and the bytes of the text where it stands.
pub(crate) type Place = (String, Range<usize>);

/// A host's attribute, as a text names it.
#[derive(Clone, Debug)]
pub(crate) struct Attribute {
    /// Its name.
    pub(crate) place: Place,
    /// Whether it is of the host in question, and not of any other.
    pub(crate) own: bool,
}

/// Everything that a text names and does not define itself, in the order of the text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uses {
    /// Top-level names.
    pub(crate) names: Vec<Place>,
    /// Those of them that are only asked for with `is defined` or given a `default`, somewhere.
    pub(crate) guarded: BTreeSet<String>,
    /// Attributes of a host: `host.X`, and `h.X` in `for h in hosts`.
    pub(crate) host_attributes: Vec<Attribute>,
    /// Filters.
    pub(crate) filters: Vec<Place>,
    /// Tests.
    pub(crate) tests: Vec<Place>,
    /// What the whole expression may come to, but for what may be true or false.
    pub(crate) parts: Vec<(Part, Range<usize>)>,
}

/// What is known of a value before it is worked out.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Shape {
    /// The host in question.
    Own,
    Host,
    Hosts,
    #[default]
    Other,
}

impl Uses {
    pub(super) fn of_expression(expression: &Expr<'_>) -> Self {
        let mut walker = Walker::default();
        walker.value(expression);
        walker.uses.parts = truth::parts(expression);
        walker.uses
    }

    pub(super) fn of_template(template: &Stmt<'_>) -> Self {
        let mut walker = Walker::default();
        walker.statement(template);
        walker.uses
    }

    /// Whether `name` is among the names.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|(used, _)| used == name)
    }

    /// The names that need a value.
    pub(crate) fn needed(&self) -> BTreeSet<&str> {
        self.names
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| !self.guarded.contains(*name))
            .collect()
    }
}

struct Walker<'s> {
    uses: Uses,
    scopes: Scopes<'s, Shape>,
}

impl Default for Walker<'_> {
    fn default() -> Self {
        Self {
            uses: Uses::default(),
            scopes: Scopes::new(),
        }
    }
}

/// The first bytes of a span: it begins with the name.
fn leading(name: &str, span: Span) -> Place {
    let start = span.start_offset as usize;
    (name.to_owned(), start..start + name.len())
}

/// A constant text, which names something, with its place inside of the quotes.
fn named(expression: &Expr<'_>) -> Option<Place> {
    let Expr::Const(constant) = expression else {
        return None;
    };
    let name = constant.value.as_str()?;
    let start = constant.span().start_offset as usize + 1;
    Some((name.to_owned(), start..start + name.len()))
}

impl<'s> Walk<'s> for Walker<'s> {
    type Value = Shape;

    fn scopes(&mut self) -> &mut Scopes<'s, Shape> {
        &mut self.scopes
    }

    fn begin_loop(&mut self) {
        self.define("loop", Shape::Other);
    }

    fn item(value: Shape) -> Shape {
        match value {
            Shape::Hosts => Shape::Host,
            _ => Shape::Other,
        }
    }

    fn declare(&mut self, declared: &ast::Spanned<ast::Macro<'s>>) {
        self.define(declared.name, Shape::Other);
    }

    fn body(&mut self, declared: &ast::Spanned<ast::Macro<'s>>, _of_call: bool) {
        for default in &declared.defaults {
            self.value(default);
        }
        self.scoped(|walker| {
            walker.define("caller", Shape::Other);
            for argument in &declared.args {
                walker.assign(argument, Shape::Other);
            }
            walker.statements(&declared.body);
        });
    }

    fn assign(&mut self, target: &Expr<'s>, shape: Shape) {
        match target {
            Expr::Var(var) => self.define(var.id, shape),
            Expr::List(list) => {
                for item in &list.items {
                    self.assign(item, Shape::Other);
                }
            }
            Expr::Tuple(tuple) => {
                for item in &tuple.items {
                    self.assign(item, Shape::Other);
                }
            }
            other => {
                self.value(other);
            }
        }
    }

    fn call(&mut self, call: &ast::Spanned<ast::Call<'s>>) -> Shape {
        self.value(&call.expr);
        self.arguments(&call.args);
        Shape::Other
    }

    fn value(&mut self, expression: &Expr<'s>) -> Shape {
        match expression {
            Expr::Var(var) => match self.local(var.id) {
                Some(shape) => return shape,
                None => {
                    self.uses.names.push((var.id.to_owned(), bytes(var.span())));
                    match var.id {
                        "host" => return Shape::Own,
                        "hosts" => return Shape::Hosts,
                        _ => {}
                    }
                }
            },
            Expr::Const(_) => {}
            Expr::Slice(slice) => {
                let shape = self.value(&slice.expr);
                self.optional(slice.start.as_ref());
                self.optional(slice.stop.as_ref());
                self.optional(slice.step.as_ref());
                return shape;
            }
            Expr::UnaryOp(unary) => {
                self.value(&unary.expr);
            }
            Expr::BinOp(binary) => {
                self.value(&binary.left);
                self.value(&binary.right);
            }
            Expr::Compare(compare) => {
                self.value(&compare.expr);
                for op in &compare.ops {
                    self.value(&op.expr);
                }
            }
            Expr::IfExpr(choice) => {
                self.value(&choice.test_expr);
                self.value(&choice.true_expr);
                self.optional(choice.false_expr.as_ref());
            }
            Expr::Filter(filter) => return self.filter(filter),
            Expr::Test(test) => {
                self.value(&test.expr);
                self.uses.tests.push(leading(test.name, test.span()));
                if matches!(test.name, "defined" | "undefined") {
                    self.guard(&test.expr);
                }
                self.arguments(&test.args);
            }
            Expr::GetAttr(attribute) => {
                let shape = self.value(&attribute.expr);
                if matches!(shape, Shape::Own | Shape::Host) {
                    let end = attribute.span().end_offset as usize;
                    let range = end.saturating_sub(attribute.name.len())..end;
                    self.uses.host_attributes.push(Attribute {
                        place: (attribute.name.to_owned(), range),
                        own: shape == Shape::Own,
                    });
                }
            }
            Expr::GetItem(item) => {
                let shape = self.value(&item.expr);
                self.value(&item.subscript_expr);
                if shape == Shape::Hosts {
                    return Shape::Host;
                }
                if matches!(shape, Shape::Own | Shape::Host) {
                    self.attribute_constant(&item.subscript_expr, shape == Shape::Own);
                }
            }
            Expr::Call(call) => return self.call(call),
            Expr::List(list) => {
                for item in &list.items {
                    self.value(item);
                }
            }
            Expr::Tuple(tuple) => {
                for item in &tuple.items {
                    self.value(item);
                }
            }
            Expr::Map(map) => {
                for item in map.keys.iter().chain(&map.values) {
                    self.value(item);
                }
            }
        }
        Shape::Other
    }
}

impl<'s> Walker<'s> {
    fn local(&self, name: &str) -> Option<Shape> {
        self.scopes.get(name).copied()
    }

    fn define(&mut self, name: &'s str, shape: Shape) {
        if let Some(scope) = self.scopes.innermost() {
            scope.insert(name, shape);
        }
    }

    fn arguments(&mut self, arguments: &[CallArg<'s>]) {
        for argument in arguments {
            match argument {
                CallArg::Pos(value)
                | CallArg::Kwarg(_, value)
                | CallArg::PosSplat(value)
                | CallArg::KwargSplat(value) => self.value(value),
            };
        }
    }

    fn optional(&mut self, expression: Option<&Expr<'s>>) {
        if let Some(expression) = expression {
            self.value(expression);
        }
    }

    fn filter(&mut self, filter: &ast::Spanned<ast::Filter<'s>>) -> Shape {
        let shape = match &filter.expr {
            Some(input) => self.value(input),
            None => Shape::Other,
        };
        self.uses.filters.push(leading(filter.name, filter.span()));
        if let ("default" | "d", Some(input)) = (filter.name, &filter.expr) {
            self.guard(input);
        }
        self.arguments(&filter.args);
        // What a filter is told to ask of each item.
        let (tests, filters) = (&mut self.uses.tests, &mut self.uses.filters);
        match (filter.name, filter.args.as_slice()) {
            ("selectattr" | "rejectattr", [_, CallArg::Pos(test), ..])
            | ("select" | "reject", [CallArg::Pos(test), ..]) => tests.extend(named(test)),
            ("map", [CallArg::Pos(filter), ..]) => filters.extend(named(filter)),
            _ => {}
        }
        if shape != Shape::Hosts {
            return Shape::Other;
        }
        match (filter.name, filter.args.first()) {
            ("selectattr" | "rejectattr" | "groupby", Some(CallArg::Pos(attribute))) => {
                self.attribute_constant(attribute, false);
            }
            ("map" | "sort" | "unique" | "min" | "max", _) => {
                for argument in &filter.args {
                    if let CallArg::Kwarg("attribute", value) = argument {
                        self.attribute_constant(value, false);
                    }
                }
            }
            _ => {}
        }
        match filter.name {
            "selectattr" | "rejectattr" | "sort" | "list" | "reverse" | "unique" => Shape::Hosts,
            "first" | "last" | "min" | "max" => Shape::Host,
            _ => Shape::Other,
        }
    }

    /// A constant text that names a host's attribute: `selectattr("role")`.
    fn attribute_constant(&mut self, expression: &Expr<'s>, own: bool) {
        if let Some((name, range)) = named(expression) {
            // A path (`labels.0`) is followed no further than its first name.
            let first = name.split('.').next().unwrap_or(&name);
            let range = range.start..range.start + first.len();
            self.uses.host_attributes.push(Attribute {
                place: (first.to_owned(), range),
                own,
            });
        }
    }

    fn guard(&mut self, expression: &Expr<'s>) {
        if let Expr::Var(var) = expression
            && self.local(var.id).is_none()
        {
            self.uses.guarded.insert(var.id.to_owned());
        }
    }
}
