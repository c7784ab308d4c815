//! Uploads: a multipart form whose file goes to the object store as it comes in.

use std::io;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::{
    http::{
        StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE, Charset},
    },
    web::{self, Bytes},
};
use app::knowledge::{Knowledge, NewSource, SourceDescription, StagedFile, UploadedSource};
use domain::{access::Actor, error::ValueError, gateways::BlobError, ids::CollectionId};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

use super::dto::{UploadBody, UploadForm};
use crate::{
    authorize::ActorRequest,
    body::{self, Pace, TooSlow},
    error::{ApiError, HandlerResult},
    idempotency::{Repeatable, idempotent, respond},
    route::LISTED,
};

/// Pieces of a file between the socket and the disk.
const PIECES: usize = 8;
/// Most fields of the form.
const MAX_FIELDS: usize = 8;

/// Uploads a file into a collection. It is found once its job is done.
#[utoipa::path(trace, path = LISTED, params(Repeatable), request_body(content(
        (UploadForm = "multipart/form-data", encoding(
            ("file" = (content_type = "text/plain, text/markdown, text/html, application/pdf")),
            ("metadata" = (content_type = "application/json")))))),
    responses((status = 202, body = UploadBody), (status = 409, description = "the collection holds this file already"),
        (status = 413, description = "too large, or a quota of bytes is reached"),
        (status = 415, description = "not a type that is read")))]
pub(crate) async fn upload(request: ActorRequest, path: web::Path<Uuid>, payload: web::Payload) -> HandlerResult {
    let content_type =
        request.http.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.to_ascii_lowercase().starts_with("multipart/form-data") {
        return Err(ApiError::unsupported_content_type("multipart/form-data"));
    }
    body::check_encoding(&request.http)?;
    let shape = |uploaded: &UploadedSource| UploadBody::from(uploaded);
    // The file itself is added to what makes the request this one when it is known.
    let keyed = idempotent(&request.http, &[], StatusCode::ACCEPTED, shape)?;
    let knowledge = request.app.knowledge();
    let form = Multipart::new(request.http.headers(), payload);
    let collection = CollectionId(path.into_inner());
    let mut reader = Reader { form, pace: Pace::default(), staged: None, description: SourceDescription::default() };
    let target = Target { knowledge: &knowledge, actor: &request.actor, collection, may_be_repeated: keyed.is_some() };
    if let Err(error) = reader.read(body::limit(&request.http), target).await {
        if let Some(staged) = reader.staged {
            staged.discard().await;
        }
        return Err(error);
    }
    let missing = || ValueError::new("file", "missing", "must be sent as the field 'file' with a file name");
    let (staged, description) = (reader.staged.ok_or_else(missing)?, reader.description);
    let outcome = knowledge.add_source(&request.actor, staged, description, keyed).await?;
    Ok(respond(&outcome, StatusCode::ACCEPTED, shape))
}

/// Where a file goes, and for whom.
#[derive(Clone, Copy)]
struct Target<'a> {
    knowledge: &'a Knowledge,
    actor: &'a Actor,
    collection: CollectionId,
    may_be_repeated: bool,
}

/// A form on its way in.
struct Reader {
    form: Multipart,
    pace: Pace,
    staged: Option<StagedFile>,
    description: SourceDescription,
}

impl Reader {
    async fn read(&mut self, field_limit: usize, target: Target<'_>) -> Result<(), ApiError> {
        let mut fields = 0;
        while let Some(field) = self.pace.wait(self.form.next()).await? {
            let field = field.map_err(broken)?;
            fields += 1;
            if fields > MAX_FIELDS {
                let message = format!("must have at most {MAX_FIELDS} fields");
                return Err(ValueError::new("form", "too_many_fields", message).into());
            }
            match field.name().unwrap_or_default() {
                "file" if self.staged.is_none() => {
                    self.staged = Some(stage(field, &mut self.pace, target).await?);
                }
                "name" => self.description.name = Some(self.text(field, "name", field_limit).await?),
                "metadata" => {
                    let json = self.text(field, "metadata", field_limit).await?;
                    let message = "must be a JSON object";
                    let value = serde_json::from_str(&json)
                        .map_err(|_| ValueError::new("metadata", "not_an_object", message))?;
                    self.description.metadata = Some(value);
                }
                other => {
                    let message = "is not a field of this form; it takes one file, and name and metadata";
                    return Err(ValueError::new(other, "unknown_field", message).into());
                }
            }
        }
        Ok(())
    }

    async fn text(&mut self, mut field: Field, name: &str, limit: usize) -> Result<String, ApiError> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.pace.wait(field.next()).await? {
            let piece = piece.map_err(broken)?;
            self.pace.came(piece.len());
            bytes.extend_from_slice(&piece);
            if bytes.len() > limit {
                let message = format!("must have at most {limit} bytes");
                return Err(ValueError::new(name, "too_long", message).into());
            }
        }
        String::from_utf8(bytes).map_err(|_| ValueError::new(name, "not_utf8", "must be UTF-8").into())
    }
}

/// Feeds the file's bytes to the object store as they come.
async fn stage(mut field: Field, pace: &mut Pace, target: Target<'_>) -> Result<StagedFile, ApiError> {
    let Target { knowledge, actor, collection, may_be_repeated } = target;
    let filename = filename_of(&field);
    let (sender, pieces) = mpsc::channel::<Result<Bytes, BlobError>>(PIECES);
    let new = NewSource { filename, content: ReceiverStream::new(pieces).boxed(), may_be_repeated };
    // Owns the sender: when it is done, the file is. Says whether the client was too slow.
    let feeding = async move {
        loop {
            let (piece, end) = match pace.wait(field.next()).await {
                Err(TooSlow) => {
                    (Err(BlobError::Source(io::Error::from(io::ErrorKind::TimedOut).into())), Some(Err(TooSlow)))
                }
                Ok(None) => return Ok(()),
                Ok(Some(Err(error))) => (Err(BlobError::Source(error.to_string().into())), Some(Ok(()))),
                Ok(Some(Ok(piece))) => {
                    pace.came(piece.len());
                    (Ok(piece), None)
                }
            };
            // Whoever stores the file may have refused it already.
            let is_taken = sender.send(piece).await.is_ok();
            match end {
                Some(end) => return end,
                None if is_taken => {}
                None => return Ok(()),
            }
        }
    };
    let (staged, fed) = futures::join!(knowledge.stage(actor, collection, new), feeding);
    fed?;
    Ok(staged?)
}

/// The name of a field's file: `filename*` where it is there (RFC 8187), else `filename`.
fn filename_of(field: &Field) -> String {
    let Some(disposition) = field.content_disposition() else { return String::new() };
    if let Some(name) = disposition.get_filename_ext().filter(|name| !name.value.is_empty()) {
        return match name.charset {
            Charset::Iso_8859_1 => name.value.iter().copied().map(char::from).collect(),
            _ => String::from_utf8_lossy(&name.value).into_owned(),
        };
    }
    let raw = field.headers().get(CONTENT_DISPOSITION).and_then(|raw| std::str::from_utf8(raw.as_bytes()).ok());
    let as_written = raw.filter(|raw| raw.contains('\\')).and_then(quoted_filename);
    as_written.or_else(|| disposition.get_filename().map(str::to_owned)).unwrap_or_default()
}

/// The `filename` of a header as browsers write it: a backslash is one of a path, unless a quote or another backslash
/// follows.
fn quoted_filename(disposition: &str) -> Option<String> {
    let (_, rest) = disposition.split_once("filename=\"")?;
    let (mut name, mut letters) = (String::new(), rest.chars().peekable());
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return Some(name),
            '\\' if matches!(letters.peek(), Some('"' | '\\')) => name.extend(letters.next()),
            other => name.push(other),
        }
    }
    None
}

fn broken(error: MultipartError) -> ApiError {
    let message = "the multipart form is not complete or not well formed; send it again";
    let mut refused = ApiError::http(StatusCode::BAD_REQUEST, "body_broken", message);
    refused.error = refused.error.because(error.to_string());
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backslashes_are_those_of_a_path_or_of_a_quote() {
        for (header, name) in [
            (r#"form-data; name="file"; filename="C:\temp\notes.md""#, r"C:\temp\notes.md"),
            (r#"form-data; name="file"; filename="C:\\temp\\notes.md""#, r"C:\temp\notes.md"),
            (r#"form-data; name="file"; filename="a \"b\".md"; more=1"#, r#"a "b".md"#),
        ] {
            assert_eq!(quoted_filename(header).as_deref(), Some(name), "{header}");
        }
        assert_eq!(quoted_filename(r#"form-data; filename="open"#), None);
    }
}
