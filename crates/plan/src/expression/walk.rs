//! The way through a template's statements, and the names that hold in them. Whoever looks at a template says what is
//! to be known of a value; which part comes when, and in which scope, is said here once.

use std::collections::BTreeMap;
use std::ops::Range;

use minijinja::machinery::Span;
use minijinja::machinery::ast::{Call, Expr, ForLoop, Macro, Spanned, Stmt};

/// The names that a text defines itself, and what is known of each; the innermost scope counts.
pub(super) struct Scopes<'s, V> {
    open: Vec<BTreeMap<&'s str, V>>,
}

impl<'s, V> Scopes<'s, V> {
    pub(super) fn new() -> Self {
        Self {
            open: vec![BTreeMap::new()],
        }
    }

    /// What is known of a name; none: the text does not define it.
    pub(super) fn get(&self, name: &str) -> Option<&V> {
        self.open.iter().rev().find_map(|scope| scope.get(name))
    }

    /// The names of the innermost scope. There is none only behind the end of the text.
    pub(super) fn innermost(&mut self) -> Option<&mut BTreeMap<&'s str, V>> {
        self.open.last_mut()
    }
}

/// Somebody who goes through a text.
pub(super) trait Walk<'s> {
    /// What is known of a value before it is worked out. The default is of one of which nothing is.
    type Value: Copy + Default;

    /// The scopes that are open.
    fn scopes(&mut self) -> &mut Scopes<'s, Self::Value>;

    /// Goes through an expression, and says what is known of its value.
    fn value(&mut self, expression: &Expr<'s>) -> Self::Value;

    /// Notes what is known of a name, or of names, that are given a value.
    fn assign(&mut self, target: &Expr<'s>, value: Self::Value);

    /// Goes through a call.
    fn call(&mut self, call: &Spanned<Call<'s>>) -> Self::Value;

    /// Looks at a loop, before anything in it.
    fn see_loop(&mut self, _each: &Spanned<ForLoop<'s>>) {}

    /// Notes what a loop defines inside of itself beside its target.
    fn begin_loop(&mut self) {}

    /// What is known of an item of a value that a loop goes through.
    fn item(value: Self::Value) -> Self::Value;

    /// Notes the name of a macro.
    fn declare(&mut self, declared: &Spanned<Macro<'s>>);

    /// Goes through a macro, or, `of_call`, through what a call is given as one.
    fn body(&mut self, declared: &Spanned<Macro<'s>>, of_call: bool);

    /// Does something in a scope of its own.
    fn scoped(&mut self, walk: impl FnOnce(&mut Self))
    where
        Self: Sized,
    {
        self.scopes().open.push(BTreeMap::new());
        walk(self);
        self.scopes().open.pop();
    }

    fn statements(&mut self, statements: &[Stmt<'s>])
    where
        Self: Sized,
    {
        for statement in statements {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Stmt<'s>)
    where
        Self: Sized,
    {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitExpr(emit) => {
                self.value(&emit.expr);
            }
            Stmt::EmitRaw(_) => {}
            Stmt::ForLoop(each) => {
                self.see_loop(each);
                let each_of = self.value(&each.iter);
                self.scoped(|walk| {
                    walk.begin_loop();
                    walk.assign(&each.target, Self::item(each_of));
                    if let Some(filter) = &each.filter_expr {
                        walk.value(filter);
                    }
                    walk.statements(&each.body);
                });
                self.scoped(|walk| walk.statements(&each.else_body));
            }
            Stmt::IfCond(choice) => {
                self.value(&choice.expr);
                self.statements(&choice.true_body);
                self.statements(&choice.false_body);
            }
            Stmt::WithBlock(with) => self.scoped(|walk| {
                for (target, value) in &with.assignments {
                    let value = walk.value(value);
                    walk.assign(target, value);
                }
                walk.statements(&with.body);
            }),
            Stmt::Set(set) => {
                let value = self.value(&set.expr);
                self.assign(&set.target, value);
            }
            Stmt::SetBlock(set) => {
                let filtered = set.filter.as_ref().map(|filter| self.value(filter));
                self.scoped(|walk| walk.statements(&set.body));
                self.assign(&set.target, filtered.unwrap_or_default());
            }
            Stmt::AutoEscape(escape) => {
                self.value(&escape.enabled);
                self.statements(&escape.body);
            }
            Stmt::FilterBlock(block) => {
                self.value(&block.filter);
                self.scoped(|walk| walk.statements(&block.body));
            }
            Stmt::Macro(declared) => {
                self.declare(declared);
                self.body(declared, false);
            }
            Stmt::CallBlock(block) => {
                self.call(&block.call);
                self.body(&block.macro_decl, true);
            }
            Stmt::Do(act) => {
                self.call(&act.call);
            }
            #[expect(
                unreachable_patterns,
                reason = "other crates may turn on more of the language"
            )]
            _ => {}
        }
    }
}

/// The bytes of a span.
pub(super) fn bytes(span: Span) -> Range<usize> {
    span.start_offset as usize..span.end_offset as usize
}
