//! A small validator of answers against the vendor's OpenAPI description: types, nested references, undeclared keys.
//!
//! Enums are open and every value may be null, for the description marks neither as the wire has them (sections 0.2 and
//! G.5 of the API reference).

use serde_json::Value;

pub struct Description(pub Value);

impl Description {
    /// The schema of an answer.
    pub fn answer(&self, method: &str, path: &str, status: &str) -> Option<&Value> {
        let content = &self.0["paths"][path][method]["responses"][status]["content"];
        let media = content.as_object()?.values().next()?;
        media.get("schema")
    }

    /// What is wrong with a value, as `path: what`, list positions left out.
    pub fn problems(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        self.check(schema, value, "", &mut problems);
        problems.sort();
        problems.dedup();
        problems
    }

    fn check(&self, schema: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
        let schema = self.resolve(schema);
        let kind = schema["type"].as_str().unwrap_or("object");
        let fits = match (kind, value) {
            (_, Value::Null) => true,
            ("string", value) => value.is_string(),
            ("integer", value) => value.is_i64() || value.is_u64(),
            ("number", value) => value.is_number(),
            ("boolean", value) => value.is_boolean(),
            ("array", Value::Array(items)) => {
                for item in items {
                    self.check(&schema["items"], item, &format!("{path}[]"), problems);
                }
                true
            }
            ("object", Value::Object(_)) => {
                self.object(schema, value, path, problems);
                true
            }
            _ => false,
        };
        if !fits {
            problems.push(format!("{path}: not {kind}"));
        }
    }

    fn object(&self, schema: &Value, value: &Value, path: &str, problems: &mut Vec<String>) {
        let declared = schema["properties"].as_object();
        let more = &schema["additionalProperties"];
        for (key, value) in value.as_object().into_iter().flatten() {
            let here = format!("{path}.{key}");
            match declared.and_then(|declared| declared.get(key)) {
                Some(schema) => self.check(schema, value, &here, problems),
                None if more.is_object() => self.check(more, value, &here, problems),
                // A schema without properties stands for anything.
                None if declared.is_none() => {}
                None => problems.push(format!("{here}: not declared")),
            }
        }
    }

    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => self.resolve(self.0.pointer(&reference[1..]).expect("a reference inside the file")),
            None => schema,
        }
    }
}
