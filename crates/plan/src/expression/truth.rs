//! What an expression comes to, as far as its text says so.

use std::ops::Range;

use minijinja::machinery::ast::{BinOpKind, Const, Expr, UnaryOpKind};
use minijinja::value::ValueKind;

use super::known::HOST_ATTRIBUTES;

/// A part of an expression that may be its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What this name stands for.
    Name(String),
    /// Surely no truth value, but this.
    Is(&'static str),
}

const TEXT: &str = "a text";
const NUMBER: &str = "a number";
const LIST: &str = "a list";

/// The parts of an expression that may be its value, with their places, but for those that may be true or false.
pub(super) fn parts(expression: &Expr<'_>) -> Vec<(Part, Range<usize>)> {
    let mut parts = Vec::new();
    collect(expression, &mut parts);
    parts
}

fn collect(expression: &Expr<'_>, parts: &mut Vec<(Part, Range<usize>)>) {
    let range = start_of(expression)..expression.span().end_offset as usize;
    let is = |what| Some(Part::Is(what));
    let part = match expression {
        Expr::Var(var) => Some(Part::Name(var.id.to_owned())),
        Expr::Const(constant) => constant_is(constant).map(Part::Is),
        Expr::UnaryOp(unary) => match unary.op {
            UnaryOpKind::Not => None,
            UnaryOpKind::Neg => is(NUMBER),
        },
        Expr::BinOp(binary) => match binary.op {
            BinOpKind::ScAnd | BinOpKind::ScOr => {
                collect(&binary.left, parts);
                collect(&binary.right, parts);
                None
            }
            BinOpKind::Concat => is(TEXT),
            BinOpKind::Sub
            | BinOpKind::Div
            | BinOpKind::FloorDiv
            | BinOpKind::Rem
            | BinOpKind::Pow => is(NUMBER),
            _ => None,
        },
        Expr::IfExpr(choice) => {
            collect(&choice.true_expr, parts);
            if let Some(other) = &choice.false_expr {
                collect(other, parts);
            }
            None
        }
        Expr::GetAttr(attribute) if is_host(&attribute.expr) => {
            attribute_is(attribute.name).map(Part::Is)
        }
        Expr::GetItem(item) if is_host(&item.expr) => match &item.subscript_expr {
            Expr::Const(name) => name.value.as_str().and_then(attribute_is).map(Part::Is),
            _ => None,
        },
        Expr::GetItem(_) if is_host(expression) => is("a host"),
        Expr::Filter(filter) => filter_is(filter.name).map(Part::Is),
        Expr::List(_) | Expr::Tuple(_) => is(LIST),
        Expr::Map(_) => is("a mapping"),
        _ => None,
    };
    parts.extend(part.map(|part| (part, range)));
}

/// Where it begins: the place of a filter is that of its own name.
fn start_of(expression: &Expr<'_>) -> usize {
    match expression {
        Expr::Filter(filter) => filter.expr.as_ref().map(start_of),
        _ => None,
    }
    .unwrap_or(expression.span().start_offset as usize)
}

fn constant_is(constant: &Const) -> Option<&'static str> {
    match constant.value.kind() {
        ValueKind::String => Some(TEXT),
        ValueKind::Number => Some(NUMBER),
        ValueKind::Seq => Some(LIST),
        ValueKind::None => Some("nothing"),
        _ => None,
    }
}

/// Whether it is `host`, or one of `hosts`.
fn is_host(expression: &Expr<'_>) -> bool {
    match expression {
        Expr::Var(var) => var.id == "host",
        Expr::GetItem(item) => matches!(&item.expr, Expr::Var(var) if var.id == "hosts"),
        Expr::Filter(filter) => {
            let of_hosts = matches!(&filter.expr, Some(Expr::Var(var)) if var.id == "hosts");
            of_hosts && matches!(filter.name, "first" | "last")
        }
        _ => false,
    }
}

fn attribute_is(name: &str) -> Option<&'static str> {
    match name {
        "labels" => Some(LIST),
        name => HOST_ATTRIBUTES.contains(&name).then_some(TEXT),
    }
}

fn filter_is(name: &str) -> Option<&'static str> {
    match name {
        "capitalize" | "format" | "indent" | "join" | "lower" | "replace" | "string" | "title"
        | "tojson" | "trim" | "upper" => Some(TEXT),
        "abs" | "count" | "float" | "int" | "length" | "round" | "sum" => Some(NUMBER),
        "batch" | "dictsort" | "groupby" | "items" | "lines" | "list" | "map" | "reject"
        | "rejectattr" | "select" | "selectattr" | "slice" | "sort" | "split" | "unique" => {
            Some(LIST)
        }
        _ => None,
    }
}
