//! Texts that are not UTF-8: uploaded, read in their charset, and found by their words.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::world::{Backend, World, collection, on_each_backend, settled, upload};

on_each_backend!(legacy_texts_are_found_by_their_words);

/// A file, a word of it, and the charset that its source should name.
const FILES: &[(&str, &[u8], &str, &str)] = &[
    (
        "договор.txt",
        b"\xc4\xee\xe3\xee\xe2\xee\xf0 \xe4\xe5\xe9\xf1\xf2\xe2\xf3\xe5\xf2 \xef\xff\xf2\xed\xe0\xe4\xf6\xe0\xf2\xfc \xeb\xe5\xf2.",
        "действует",
        "windows-1251",
    ),
    (
        "библиотека.md",
        b"# \xe2\xc9\xc2\xcc\xc9\xcf\xd4\xc5\xcb\xc1\r\r\xda\xc1\xcb\xd2\xd9\xd4\xc1 \xd0\xcf \xd0\xcf\xce\xc5\xc4\xc5\xcc\xd8\xce\xc9\xcb\xc1\xcd.",
        "понедельникам",
        "KOI8-U",
    ),
    (
        "mac.txt",
        b"Das Ger\x8at wird t\x8aglich gepr\x9fft; die Gr\x9a\xa7e betr\x8agt f\x9fnf Meter.",
        "geprüft",
        "macintosh",
    ),
    ("snieg.txt", b"\xa6nieg spad\xb3 w g\xf3rach zim\xb1", "górach", "ISO-8859-2"),
    (
        "wide.txt",
        b"D\0i\0e\0 \0B\0r\0\xfc\0c\0k\0e\0 \0w\0u\0r\0d\0e\0 \0n\0e\0u\0 \0g\0e\0b\0a\0u\0t\0.\0",
        "Brücke",
        "UTF-16LE",
    ),
    (
        "page.html",
        b"<!-- no name of a charset --><meta charset=utf-8><meta charset=windows-1253><p>\xc7 \xf3\xfd\xec\xe2\xe1\xf3\xe7 \xe9\xf3\xf7\xfd\xe5\xe9.</p>",
        "σύμβαση",
        "windows-1253",
    ),
];

async fn legacy_texts_are_found_by_their_words(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let docs = collection(&ada, "Old files").await?;
    for (name, content, word, charset) in FILES {
        let id = upload(&ada, &docs, name, content).await?;
        let source = settled(&ada, &id).await?;
        ensure!(source["status"] == "processed", "{name}: {source}");
        assert_eq!(source["charset"], *charset, "{name}");
        let found = ada.post("/api/v1/search", &json!({ "query": word, "mode": "lexical" })).await?.expect(200)?;
        ensure!(found["items"][0]["source_id"] == id.as_str(), "{word}: {found}");
    }
    // Russian in IBM855, which is not read: it is said, and what to do.
    let untold = b"\xa7\xd6\xac\xd6\xeb\xd6\xe1 \xa6\xa8\xbd\xe3\xe5\xeb\xe7\xa8\xe5 \xd8\xde\xe5\xd4\xa0\xa6\xa4\
        \xa0\xe5\xed \xd0\xa8\xe5. \xa3\xb7\xa2\xd0\xb7\xd6\xe5\xa8\xc6\xa0 \xf3\xa0\xc6\xe1\xf1\xe5\xa0\
         \xd8\xd6 \xd8\xd6\xd4\xa8\xa6\xa8\xd0\xed\xd4\xb7\xc6\xa0\xd2, \xa0 \xd2\xe7\xf3\xa8\xbd \xd6\
        \xe5\xc6\xe1\xf1\xe5 \xc6\xa0\xe9\xa6\xf1\xbd \xa6\xa8\xd4\xed, \xc6\xe1\xd6\xd2\xa8 \xe3\xe1\
        \xa8\xa6\xf1.";
    let source = settled(&ada, &upload(&ada, &docs, "dos.txt", untold).await?).await?;
    assert_eq!(source["status"], "error");
    ensure!(source["error"].to_string().contains("save it as UTF-8"), "{source}");
    Ok(())
}
