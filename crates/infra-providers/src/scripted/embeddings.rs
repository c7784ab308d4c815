//! Deterministic vectors: texts that share words are near each other.

use std::io;

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::knowledge::words::telling_terms;
use serde_json::{Value, json};

use super::{
    State,
    chat::pause,
    http::Connection,
    record::RecordedRequest,
    script::{EmbeddingFault, EmbeddingScript, error_body},
};

/// Answers a request for embeddings; `false`: the connection is to end.
pub(super) async fn answer(connection: &mut Connection, state: &State, request: &RecordedRequest) -> io::Result<bool> {
    let script = state.embedding_script();
    pause(connection, script.delay).await?;
    if let Some(verbatim) = &script.verbatim {
        connection.verbatim(verbatim).await?;
        return Ok(true);
    }
    match script.fault {
        Some(EmbeddingFault::Status(code)) => {
            connection.json(code, &error_body("scripted")).await?;
            return Ok(true);
        }
        Some(EmbeddingFault::Reset) => {
            connection.reset()?;
            return Ok(false);
        }
        Some(EmbeddingFault::OtherJson) => {
            connection.json(200, &json!({ "status": "ok" })).await?;
            return Ok(true);
        }
        _ => {}
    }
    let tokens = request.prompt_tokens();
    state.ledger().charge(request, tokens, 0);
    state.progress.send_modify(|progress| progress.begun += 1);
    let mut body = json!({ "object": "list", "model": request.model(), "data": data(request, &script) });
    if script.tells_usage {
        body["usage"] = json!({ "prompt_tokens": tokens, "total_tokens": tokens });
    }
    connection.json(200, &body).await?;
    state.progress.send_modify(|progress| progress.ended += 1);
    Ok(true)
}

fn data(request: &RecordedRequest, script: &EmbeddingScript) -> Vec<Value> {
    let mut vectors: Vec<Vec<f32>> = request.inputs().iter().map(|text| vector(text, script.dimension)).collect();
    match (script.fault, vectors.last_mut()) {
        (Some(EmbeddingFault::TooFew), _) => drop(vectors.pop()),
        (Some(EmbeddingFault::OtherLength), Some(last)) => last.push(1.0),
        (Some(EmbeddingFault::Zeros), Some(last)) => last.fill(0.0),
        _ => {}
    }
    let as_base64 = request.body["encoding_format"] == "base64" && !script.only_floats;
    let encode = |(index, vector): (usize, &Vec<f32>)| {
        let embedding = if as_base64 {
            let mut bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            if script.fault == Some(EmbeddingFault::BrokenBase64) {
                bytes.pop();
            }
            Value::from(STANDARD.encode(bytes))
        } else {
            json!(vector)
        };
        json!({ "object": "embedding", "index": index, "embedding": embedding })
    };
    // Last first: nothing may rely on the order.
    vectors.iter().enumerate().rev().map(encode).collect()
}

/// The sum of a unit vector for each word, by the word's hash; not normalised.
fn vector(text: &str, dimension: usize) -> Vec<f32> {
    let mut vector = vec![0.0; dimension];
    let words = telling_terms(text);
    for word in words.iter().map(String::as_str).chain(words.is_empty().then_some("")) {
        // FNV-1a, 64 bits.
        let hash = word
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let sign = if hash >> 63 == 0 { 1.0 } else { -1.0 };
        if let Some(number) = vector.get_mut((hash % dimension.max(1) as u64) as usize) {
            *number += sign;
        }
    }
    // Words that cancel each other out would leave no direction.
    if let [first, ..] = vector.as_mut_slice() {
        *first += 0.01;
    }
    vector
}
