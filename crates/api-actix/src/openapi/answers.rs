//! Fields of answers: each is there, null where there is nothing.
//!
//! utoipa takes a field that may be null for one that may be missing, which is right for requests. Ours are written by
//! serde with every field, so the document says that of all that only answers hold. It also writes the items of a page out
//! in each page, where clients want the name that they have elsewhere.

use std::collections::BTreeSet;

use utoipa::openapi::{
    OpenApi, Ref, RefOr,
    path::{Operation, PathItem},
    schema::{AdditionalProperties, ArrayItems, Schema, SchemaType, Type},
};

/// Marks the fields of what only our own answers hold as required.
pub(super) fn require_fields(document: &mut OpenApi) {
    // Events are answers, which their stream has as a text.
    let (mut asked, mut answered) = (BTreeSet::new(), BTreeSet::from(["TurnEvent".to_owned()]));
    for (path, item) in &document.paths.paths {
        for operation in operations(item) {
            let body = operation.request_body.iter().flat_map(|body| match body {
                RefOr::T(body) => body.content.values().collect::<Vec<_>>(),
                RefOr::Ref(_) => Vec::new(),
            });
            body.for_each(|content| schema_of(content).into_iter().for_each(|schema| name(schema, &mut asked)));
            let responses = operation.responses.responses.values().filter_map(|response| match response {
                RefOr::T(response) => Some(response),
                RefOr::Ref(_) => None,
            });
            let told = if path.starts_with("/v1/") { &mut asked } else { &mut answered };
            for content in responses.flat_map(|response| response.content.values()) {
                schema_of(content).into_iter().for_each(|schema| name(schema, told));
            }
        }
    }
    let Some(components) = &mut document.components else { return };
    let pages: Vec<String> =
        answered.iter().filter_map(|name| name.strip_prefix("PageBody_").map(str::to_owned)).collect();
    answered.extend(pages.iter().cloned());
    for names in [&mut asked, &mut answered] {
        let mut seen = BTreeSet::new();
        while let Some(next) = names.iter().find(|name| !seen.contains(*name)).cloned() {
            components.schemas.get(&next).into_iter().for_each(|schema| name(schema, names));
            seen.insert(next);
        }
    }
    for item in pages {
        if let Some(RefOr::T(Schema::Object(page))) = components.schemas.get_mut(&format!("PageBody_{item}"))
            && let Some(RefOr::T(Schema::Array(items))) = page.properties.get_mut("items")
        {
            items.items = ArrayItems::RefOrSchema(Box::new(RefOr::Ref(Ref::from_schema_name(item))));
        }
    }
    for schema in answered.difference(&asked) {
        if let Some(RefOr::T(schema)) = components.schemas.get_mut(schema) {
            require(schema);
        }
    }
}

fn schema_of(content: &RefOr<utoipa::openapi::Content>) -> Option<&RefOr<Schema>> {
    match content {
        RefOr::T(content) => content.schema.as_ref(),
        RefOr::Ref(_) => None,
    }
}

fn operations(item: &PathItem) -> impl Iterator<Item = &Operation> {
    [&item.get, &item.put, &item.post, &item.delete, &item.patch].into_iter().flatten()
}

/// Adds the names of the schemas that a schema refers to.
fn name(schema: &RefOr<Schema>, names: &mut BTreeSet<String>) {
    let schema = match schema {
        RefOr::Ref(reference) => {
            names.extend(reference.ref_location.rsplit('/').next().map(str::to_owned));
            return;
        }
        RefOr::T(schema) => schema,
    };
    match schema {
        Schema::Object(object) => {
            object.properties.values().for_each(|property| name(property, names));
            if let Some(AdditionalProperties::RefOr(other)) = object.additional_properties.as_deref() {
                name(other, names);
            }
        }
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(items) = &array.items {
                name(items, names);
            }
        }
        Schema::OneOf(of) => of.items.iter().for_each(|item| name(item, names)),
        Schema::AllOf(of) => of.items.iter().for_each(|item| name(item, names)),
        Schema::AnyOf(of) => of.items.iter().for_each(|item| name(item, names)),
        _ => {}
    }
}

/// Marks the fields that may be null: what may be missing is told as such by its own line.
fn require(schema: &mut Schema) {
    let parts = match schema {
        Schema::Object(object) => {
            for (name, property) in &object.properties {
                if may_be_null(property) && !object.required.contains(name) {
                    object.required.push(name.clone());
                }
            }

            return;
        }
        Schema::AllOf(of) => &mut of.items,
        Schema::OneOf(of) => &mut of.items,
        _ => return,
    };
    for part in parts {
        if let RefOr::T(part) = part {
            require(part);
        }
    }
}

fn may_be_null(property: &RefOr<Schema>) -> bool {
    let with_null = |kind: &SchemaType| match kind {
        SchemaType::Type(kind) => *kind == Type::Null,
        SchemaType::Array(kinds) => kinds.contains(&Type::Null),
        SchemaType::AnyValue => false,
    };
    match property {
        RefOr::T(Schema::Object(property)) => with_null(&property.schema_type),
        RefOr::T(Schema::Array(property)) => with_null(&property.schema_type),
        RefOr::T(Schema::OneOf(property)) => property.items.iter().any(may_be_null),
        _ => false,
    }
}
