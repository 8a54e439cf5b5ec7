use kube_cel::cel::common::ast::{Expr, LiteralValue};
use serde_json::Value;

const ANSWERS: [&str; 10] = ["!_", "_&&_", "_||_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in"];
const CALLED: [&str; 8] =
    ["bool", "contains", "endsWith", "isURL", "isSorted", "matches", "startsWith", "isQuantity"];
const OTHERS: [&str; 24] = [
    "-_",
    "_+_",
    "_-_",
    "_*_",
    "_/_",
    "_%_",
    "bytes",
    "double",
    "duration",
    "find",
    "findAll",
    "indexOf",
    "int",
    "join",
    "lowerAscii",
    "replace",
    "size",
    "split",
    "string",
    "substring",
    "timestamp",
    "trim",
    "uint",
    "upperAscii",
];

/// Whether an expression comes to yes or no, as far as that can be told without running it; `self` is a value of the
/// schema.
pub(super) fn answers(expression: &Expr, schema: &Value) -> Option<bool> {
    match expression {
        Expr::Literal(literal) => Some(matches!(literal, LiteralValue::Boolean(_))),
        Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => Some(false),
        Expr::Select(select) if select.test => Some(true),
        Expr::Ident(_) | Expr::Select(_) => {
            let kind = of(expression, schema)?["type"].as_str()?;
            Some(kind == "boolean")
        }
        Expr::Call(call) => match call.func_name.as_str() {
            "_?_:_" => {
                let either = call.args.get(1..3)?;
                let (left, right) = (answers(&either[0].expr, schema)?, answers(&either[1].expr, schema)?);
                (left == right).then_some(left)
            }
            name if ANSWERS.contains(&name) || CALLED.contains(&name) => Some(true),
            name if OTHERS.contains(&name) => Some(false),
            _ => None,
        },
        Expr::Comprehension(whole) => match &whole.result.expr {
            Expr::Ident(name) if *name == whole.accu_var => answers(&whole.accu_init.expr, schema),
            result => answers(result, schema),
        },
        Expr::Unspecified => None,
    }
}

/// The schema of what an expression names, where it is known.
fn of<'a>(expression: &Expr, schema: &'a Value) -> Option<&'a Value> {
    match expression {
        Expr::Ident(name) if name == "self" || name == "oldSelf" => Some(schema),
        Expr::Select(select) => of(&select.operand.expr, schema)?["properties"].get(&select.field),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube_cel::cel::Program;
    use serde_json::json;

    #[test]
    fn rules_that_say_neither_yes_nor_no_are_told_from_those_that_do() {
        let schema = json!({"type": "object", "properties": {
            "n": {"type": "integer"}, "on": {"type": "boolean"}, "list": {"type": "array"}, "free": {},
        }});
        let told = |rule: &str| answers(&Program::compile(rule).unwrap().expression().expr, &schema);
        for rule in [
            "self.n == 1",
            "has(self.n)",
            "self.on",
            "self.list.all(x, x > 1)",
            "true",
            "self.on ? true : false",
        ] {
            assert_eq!(told(rule), Some(true), "{rule}");
        }
        for rule in
            ["self.n + 1", "self.n", "self.list.map(x, x)", "'a'", "size(self.list)", "self.on ? 1 : 2"]
        {
            assert_eq!(told(rule), Some(false), "{rule}");
        }
        for rule in ["self.free", "quantity('1').isLessThan(quantity('2'))"] {
            assert_eq!(told(rule), None, "{rule}");
        }
    }
}
