use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    access::{Permission, SystemRole},
    admin::JobState,
    conversations::{MessageRole, MessageStatus, Origin, StreamState, Visibility},
    error::ValueError,
    gateways::{ParseErrorKind, PromptRole},
    knowledge::{CitationStanding, CollectionVisibility, ProcessingStatus, RetrievalMode},
    usage::{AgentType, UsageGrouping},
};

names! {
    /// A colour.
    pub(super) enum Colour ("colour") {
        /// As blood.
        Red = "red",
        /// As the sea at dusk.
        DeepBlue = "deep-blue",
        /// As grass.
        Green = "green",
    }
}

names! {
    /// What happened.
    #[derive(Debug, PartialEq)]
    #[serde(tag = "type")]
    pub(super) enum Event {
        /// It began.
        Begun = "it.began" {
            /// When.
            at: u32,
        },
        /// It ended.
        Ended = "it.ended" {},
    }
}

#[test]
fn an_unknown_name_is_refused_with_those_that_are_allowed() {
    let error = Colour::parse("blue").unwrap_err();
    assert_eq!((error.field.as_str(), error.code), ("colour", "unknown_colour"));
    assert_eq!(error.message, "must be one of red, deep-blue, green");
    for name in ["", "Red", "red ", "DeepBlue"] {
        assert_eq!(Colour::from_str(name), Err(error.clone()), "{name:?}");
    }
}

#[test]
fn of_some_only_those_are_allowed() {
    let some = [Colour::Green, Colour::Red];
    assert_eq!(Colour::parse_among(&some, "red"), Ok(Colour::Red));
    let error = Colour::parse_among(&some, "deep-blue").unwrap_err();
    assert_eq!((error.code, error.message.as_str()), ("unknown_colour", "must be one of green, red"));
}

#[test]
fn enumerations_with_fields_are_tagged_by_their_names() {
    let events = [
        (Event::Begun { at: 7 }, json!({ "type": "it.began", "at": 7 })),
        (Event::Ended {}, json!({ "type": "it.ended" })),
    ];
    for (event, stored) in events {
        assert_eq!(stored["type"], event.name());
        assert_eq!(serde_json::to_value(&event).unwrap(), stored);
        assert_eq!(serde_json::from_value::<Event>(stored).unwrap(), event);
    }
}

/// Each name is the value's alone, and the same wherever it is written or read.
fn check<T>(all: &[T], as_str: fn(T) -> &'static str)
where
    T: Copy + Ord + fmt::Debug + fmt::Display + FromStr<Err = ValueError> + Serialize + DeserializeOwned,
{
    let names: BTreeSet<&str> = all.iter().map(|value| as_str(*value)).collect();
    assert_eq!(names.len(), all.len(), "two of {all:?} have one name");
    assert!(all.is_sorted(), "{all:?}");
    for &value in all {
        let name = as_str(value);
        assert_eq!(name.parse(), Ok(value));
        assert_eq!(value.to_string(), name);
        assert_eq!(serde_json::to_value(value).unwrap(), name);
        assert_eq!(serde_json::from_value::<T>(Value::from(name)).unwrap(), value);
    }
    assert!(serde_json::from_value::<T>(json!("no such name")).is_err());
}

macro_rules! check_all {
    ($($enum:ident),+ $(,)?) => {$(check(&$enum::ALL, $enum::as_str);)+};
}

#[test]
fn every_name_is_read_as_its_value() {
    check_all!(
        Colour,
        Permission,
        SystemRole,
        JobState,
        MessageRole,
        MessageStatus,
        Origin,
        StreamState,
        Visibility,
        ParseErrorKind,
        PromptRole,
        CitationStanding,
        CollectionVisibility,
        ProcessingStatus,
        RetrievalMode,
        AgentType,
        UsageGrouping,
    );
}
