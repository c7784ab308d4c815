//! Requests in the document: parameters, and bodies that may be left out.

use utoipa::openapi::{
    RefOr, Required, Schema,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn},
    schema::{SchemaType, Type},
};

use crate::{Access, Route};

/// Headers that make a request one of its kind. They are told in words: any client adds a header, and one that tries out
/// parameters by itself sends a key twice, with other bodies, or a version that never was. No schema keeps it from that,
/// as what is right depends on what was sent before; and the answers to it, 422 and 412, are rightly none that accept.
const IN_WORDS: &[&str] = &["Idempotency-Key", "If-Match"];

/// Says of an operation what is asked of it, beside what its handler says.
pub(super) fn tell(operation: &mut Operation, route: &Route) {
    let mut parameters = of_path(route.path);
    for parameter in operation.parameters.take().into_iter().flatten() {
        match parameter {
            RefOr::T(header) if IN_WORDS.contains(&header.name.as_str()) => {
                let words = header.description.unwrap_or_default();
                add_words(operation, &format!("Header `{}`: {words}", header.name));
            }
            parameter => parameters.push(parameter),
        }
    }
    for parameter in &mut parameters {
        if let RefOr::T(parameter) = parameter {
            parameter.schema.iter_mut().for_each(without_null);
        }
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        for content in body.content.values_mut() {
            if let RefOr::T(content) = content {
                content.schema.iter_mut().for_each(without_null);
            }
        }
    }
    if let Access::Needs(permission) = route.access {
        parameters.push(tenant());
        add_words(operation, &format!("Needs `{permission}`."));
    }
    operation.parameters = (!parameters.is_empty()).then_some(parameters);
}

fn add_words(operation: &mut Operation, words: &str) {
    operation.description = Some(match operation.description.take() {
        Some(text) => format!("{text}\n\n{words}"),
        None => words.to_owned(),
    });
}

/// A parameter or body that may be left out is not null for that, as a field would be.
fn without_null(schema: &mut RefOr<Schema>) {
    if let RefOr::T(Schema::Object(object)) = schema
        && let SchemaType::Array(kinds) = &mut object.schema_type
    {
        kinds.retain(|kind| *kind != Type::Null);
        if let [only] = kinds.as_slice() {
            object.schema_type = only.clone().into();
        }
        return;
    }
    let RefOr::T(Schema::OneOf(choice)) = schema else { return };
    let is_null =
        |item: &RefOr<Schema>| matches!(item, RefOr::T(Schema::Object(item)) if item.schema_type == Type::Null.into());
    choice.items.retain(|item| !is_null(item));
    if let [only] = choice.items.as_slice() {
        *schema = only.clone();
    }
}

/// A path as OpenAPI writes it: parameters without the pattern that the router matches them by.
pub(super) fn written(path: &str) -> String {
    path.replace(":.*}", "}")
}

/// The parameters in a path, as [`Route::path`] says what they are.
fn of_path(path: &str) -> Vec<RefOr<Parameter>> {
    let path = written(path);
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name: &str| {
        let schema = if name.ends_with("_id") { utoipa::schema!(Uuid) } else { utoipa::schema!(String) };
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path).schema(Some(schema));
        RefOr::T(parameter.required(Required::True).build())
    };
    names.map(parameter).collect()
}

/// The tenant that a superadmin enters.
fn tenant() -> RefOr<Parameter> {
    let text = "For a superadmin: the tenant to act in, by its slug or id. For others it does nothing.";
    let parameter = ParameterBuilder::new().name("X-Banyan-Tenant").parameter_in(ParameterIn::Header);
    RefOr::T(parameter.schema(Some(utoipa::schema!(String))).required(Required::False).description(Some(text)).build())
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::{RefOr, Required};

    use crate::openapi::document;

    #[test]
    fn a_header_that_may_be_left_out_is_not_null() {
        let document = document();
        for path in ["/api/v1/conversations/{conversation_id}/stream", "/api/v1/streams/{stream_id}/events"] {
            let operation = document.paths.paths[path].get.as_ref().unwrap();
            let header = operation.parameters.iter().flatten().find_map(|parameter| match parameter {
                RefOr::T(parameter) if parameter.name == "Last-Event-ID" => Some(parameter),
                _ => None,
            });
            let header = header.unwrap();
            assert_eq!(serde_json::json!(header.schema)["type"], "integer", "{path}");
            assert!(matches!(header.required, Required::False), "{path}");
        }
    }
}
