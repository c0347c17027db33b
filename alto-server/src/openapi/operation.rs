//! The parts of a description: operations with their parameters, bodies and answers, and the schemas that they refer to.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::http::error::Problem;

/// Schemas of all messages, each once.
pub(super) struct Schemas(SchemaGenerator);

/// Reference to the schema of a type.
type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One method of one path.
pub(super) struct Operation {
    pub(super) path: String,
    pub(super) method: &'static str,
    id: &'static str,
    summary: &'static str,
    tag: &'static str,
    security: Value,
    parameters: Vec<Value>,
    request: Option<Value>,
    request_schema: Option<SchemaOf>,
    answers: Vec<(u16, &'static str, Option<SchemaOf>)>,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self(settings.into_generator())
    }

    /// All schemas that were referred to.
    pub(super) fn into_definitions(mut self) -> Map<String, Value> {
        self.0.take_definitions(true)
    }
}

impl Operation {
    /// Describes an operation. `security` lists the schemes of which one opens it, `{}` being none.
    pub(super) fn new(
        (method, path): (&'static str, &str),
        id: &'static str,
        summary: &'static str,
        (tag, security): (&'static str, Value),
    ) -> Self {
        let (parameters, answers) = (Vec::new(), Vec::new());
        let path = path.to_owned();
        Self { path, method, id, summary, tag, security, parameters, request: None, request_schema: None, answers }
    }

    /// Adds a segment of the path.
    pub(super) fn segment(mut self, name: &str, description: &str, pattern: &str) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "path", "required": true, "description": description,
            "schema": {"type": "string", "pattern": pattern}
        }));
        self
    }

    /// Adds a parameter of the query.
    pub(super) fn query(mut self, name: &str, description: &str, (is_required, schema): (bool, Value)) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "query", "required": is_required, "description": description, "schema": schema
        }));
        self
    }

    /// Sets a JSON body of a type.
    pub(super) fn body<T: JsonSchema>(self) -> Self {
        Self { request_schema: Some(SchemaGenerator::subschema_for::<T>), ..self }
    }

    /// Sets a body that no type describes.
    pub(super) fn other_body(self, media_type: &str, schema: &Value, example: &str) -> Self {
        Self { request: Some(json!({media_type: {"schema": schema, "example": example}})), ..self }
    }

    /// Adds an answer in JSON.
    pub(super) fn answer<T: JsonSchema>(mut self, status: u16, description: &'static str) -> Self {
        self.answers.push((status, description, Some(SchemaGenerator::subschema_for::<T>)));
        self
    }

    /// Adds an answer without a body.
    pub(super) fn empty(mut self, status: u16, description: &'static str) -> Self {
        self.answers.push((status, description, None));
        self
    }

    /// Adds errors, by their statuses.
    pub(super) fn errors(mut self, errors: &[(u16, &'static str)]) -> Self {
        let schema: SchemaOf = SchemaGenerator::subschema_for::<Problem>;
        self.answers.extend(errors.iter().map(|(status, description)| (*status, *description, Some(schema))));
        self
    }

    /// The operation as the document has it.
    pub(super) fn describe(self, Schemas(generator): &mut Schemas) -> Value {
        let mut described = json!({
            "operationId": self.id, "summary": self.summary, "tags": [self.tag], "security": self.security,
            "parameters": self.parameters
        });
        let of_type = self.request_schema.map(|schema| json!({"application/json": {"schema": schema(generator)}}));
        if let Some(content) = of_type.or(self.request) {
            described["requestBody"] = json!({"required": true, "content": content});
        }
        let mut responses = Map::new();
        for (status, description, schema) in self.answers {
            let media_type = if status < 400 { "application/json" } else { "application/problem+json" };
            let mut response = json!({"description": description});
            if let Some(schema) = schema {
                response["content"] = json!({media_type: {"schema": schema(generator)}});
            }
            responses.insert(status.to_string(), response);
        }
        described["responses"] = Value::Object(responses);
        described
    }
}
