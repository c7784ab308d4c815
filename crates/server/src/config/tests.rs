//! What operators write, and what they are told.

use std::ffi::OsString;

use super::*;
use crate::error::sentence;

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
}

struct Loaded {
    config: Config,
    hints: Vec<String>,
}

fn loaded((config, hints): (Result<Config, StartError>, Vec<String>)) -> Result<Loaded, StartError> {
    Ok(Loaded { config: config?, hints })
}

fn of_environment(pairs: &[(&str, &str)]) -> Result<Loaded, StartError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("banyan.toml");
    std::fs::write(&file, "").unwrap();
    loaded(read(&Options { config: Some(file), ..Options::default() }, variables(pairs)))
}

fn of_file(text: &str) -> Result<Loaded, StartError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("banyan.toml");
    std::fs::write(&file, text).unwrap();
    loaded(read(&Options { config: Some(file), ..Options::default() }, []))
}

/// What a refusal says; no name of Rust stands in it. Names are looked for as whole words: the
/// folder of a test has letters of chance in its name.
fn told(refused: Result<Loaded, StartError>) -> String {
    let told = sentence(&refused.err().expect("must be refused"));
    for name in ["u8", "u32", "u64", "usize", "unsigned", "struct", "enum", "sequence"] {
        assert!(!told.split(|c: char| !c.is_alphanumeric()).any(|word| word == name), "{told}");
    }
    assert!(!told.contains("invalid type"), "{told}");
    told
}

#[test]
fn a_file_overrides_defaults_variables_a_file_and_flags_both() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("banyan.toml");
    std::fs::write(&file, "listen = '127.0.0.1:1'\ntenant_name = 'x'\n[chat]\nmodel = 'openai/x'\n").unwrap();
    let options = Options { config: Some(file), listen: Some("127.0.0.1:3".into()), ..Options::default() };
    let set = variables(&[("BANYAN_LISTEN", "127.0.0.1:2"), ("BANYAN_TENANT_NAME", "y")]);
    let config = read(&options, set).0.unwrap();
    assert_eq!((config.listen.as_str(), config.chat.model.as_deref()), ("127.0.0.1:3", Some("openai/x")));
    assert_eq!((config.metrics_listen.as_str(), config.tenant_name.as_deref()), ("127.0.0.1:9090", Some("y")));
    assert_eq!(config.name_of("listen"), "--listen");
    assert_eq!(config.name_of("tenant_name"), "BANYAN_TENANT_NAME");
    assert!(config.name_of("chat.model").ends_with("banyan.toml', line 4)"), "{}", config.name_of("chat.model"));
    assert_eq!(config.name_of("limits.upload_bytes"), "BANYAN_LIMITS__UPLOAD_BYTES");
}

#[test]
fn text_settings_take_whatever_text_looks_like() {
    for value in ["42", "-1", "1e3", "0x10", "true", "null", "[a, b]", "{a = 1}", "\"quoted\"", "a,b", "'", "1.0"] {
        let config = of_environment(&[("BANYAN_TENANT_NAME", value), ("BANYAN_CHAT__MODEL", value)]).unwrap().config;
        assert_eq!(config.tenant_name.as_deref(), Some(value));
        assert_eq!(config.chat.model.as_deref(), Some(value));
    }
    let config = of_environment(&[("BANYAN_DATA_DIR", "7"), ("BANYAN_SECRET_KEY", "123456")]).unwrap().config;
    assert_eq!((config.data_dir, config.secret_key.as_deref()), (PathBuf::from("7"), Some("123456")));
}

#[test]
fn numbers_switches_and_names_are_read_from_text() {
    let set = [
        ("BANYAN_LIMITS__UPLOAD_BYTES", "1048576"),
        ("BANYAN_DATABASE__CONNECTIONS", " 7\r"),
        ("BANYAN_DATABASE__TRUSTED_NETWORK", "TRUE"),
        ("BANYAN_LOG__FORMAT", "text"),
        ("banyan_shutdown_seconds", "3"),
    ];
    let config = of_environment(&set).unwrap().config;
    assert_eq!((config.limits.upload_bytes, config.database.connections), (1_048_576, Some(7)));
    assert_eq!((config.database.trusted_network, config.log.format), (true, LogFormat::Text));
    assert_eq!(config.shutdown_seconds, 3);
}

#[test]
fn a_wrong_value_is_told_by_its_variable_in_plain_words() {
    for (name, value, said) in [
        (
            "BANYAN_LIMITS__UPLOAD_BYTES",
            "100MB",
            "must be a number of bytes, such as 104857600 for 100 MiB, and not '100MB'",
        ),
        ("BANYAN_LIMITS__FILE_BYTES_PER_USER", "1.5", "must be a number of bytes"),
        ("BANYAN_LIMITS__EVENTS_KEPT_SECONDS", "1h", "must be a number of seconds, such as 60, and not '1h'"),
        ("BANYAN_SHUTDOWN_SECONDS", "-5", "must be a number of seconds, such as 60, and not '-5'"),
        ("BANYAN_HTTP_WORKERS", "many", "must be a whole number"),
        (
            "BANYAN_DATABASE__CONNECTIONS",
            "5000000000",
            "must be a whole number from 0 to 4294967295, and not '5000000000'",
        ),
        ("BANYAN_DATABASE__TRUSTED_NETWORK", "yes", "must be true or false, and not 'yes'"),
        ("BANYAN_LOG__FORMAT", "xml", "must be 'json' or 'text', and not 'xml'"),
        ("BANYAN_DATABASE__READERS", "0", "must be 1 to 10000, and not 0"),
        ("BANYAN_LIMITS__CONNECTIONS", "0", "must be 1 to"),
        ("BANYAN_SHUTDOWN_SECONDS", "18446744073709551615", "must be 0 to 86400"),
    ] {
        let told = told(of_environment(&[(name, value)]));
        assert!(told.starts_with(&format!("{name} {said}")), "{told}");
    }
    let long = told(of_environment(&[("BANYAN_HTTP_WORKERS", &"é\n".repeat(100))]));
    assert!(long.chars().count() < 200 && !long.contains('\n') && long.contains('…'), "{long}");
}

#[test]
fn a_wrong_value_is_told_by_its_key_and_line() {
    for (text, key, line, said) in [
        ("[limits]\nupload_bytes = '100MB'\n", "limits.upload_bytes", 2, "must be a number of bytes"),
        ("listen = 8080\n", "listen", 1, "must be a text in quotes, and not '8080'"),
        ("\n# a note\ntenant_name = 42", "tenant_name", 3, "must be a text in quotes, and not '42'"),
        ("database.trusted_network = 1\n", "database.trusted_network", 1, "must be true or false, and not '1'"),
        ("chat = 'openai/x'\n", "chat", 1, "must be a table, with settings below a line [chat], and not 'openai/x'"),
        ("[log]\nfilter = 'info'\nformat = 'xml'", "log.format", 3, "must be 'json' or 'text'"),
        ("data_dir = [\n 'a',\n 'b',\n]\n", "data_dir", 4, "must be a text in quotes, and not a list"),
        ("[limits]\nconnections = -1", "limits.connections", 2, "must be a whole number"),
        ("lisen = 'x'", "lisen", 1, "is no setting; did you mean 'listen'?"),
        ("[chat]\n\nmodle = 'x'", "chat.modle", 3, "is no setting; did you mean 'chat.model'?"),
        ("model = 'x'", "model", 1, "is no setting; did you mean 'chat.model'?"),
        ("[limit]\nupload_bytes = 1", "limit", 1, "is no setting; did you mean 'limits'?"),
        ("sausage = 'x'", "sausage", 1, "is no setting; 'banyan config' prints those that there are"),
        ("listen = '8080'", "listen", 1, "must be an address and a port"),
    ] {
        let told = told(of_file(text));
        assert!(
            told.starts_with(&format!("'{key}' (in '")) && told.contains(&format!("', line {line}) {said}")),
            "{told}"
        );
    }
    for (text, line) in [("listen = \n", 1), ("a = 1\n[chat\n", 2), ("a = 'x'\nb = \"s3cr3t\n", 2), ("a = 1\na = 2", 2)]
    {
        let told = told(of_file(text));
        assert!(told.starts_with(&format!("line {line} of '")) && told.contains("is not TOML"), "{told}");
        assert!(!told.contains("s3cr3t"), "{told}");
    }
    assert!(told(of_file(&"#".repeat(70_000))).contains("more than 65536 bytes"));
}

#[test]
fn secrets_are_not_told() {
    for text in [
        "secret_key = ['s3cr3t']",
        "database_url = { a = 's3cr3t' }",
        "secret_key = 123456",
        "[database]\nowner_url = 123456",
    ] {
        let told = told(of_file(text));
        assert!(!told.contains("s3cr3t") && !told.contains("123456"), "{told}");
    }
    let url = || Some("postgres://me:s3cr3t@localhost/banyan".to_owned());
    let (jobs_url, owner_url, listen_url) = (url(), url(), url());
    let config = Config {
        secret_key: Some("s3cr3t".into()),
        database_url: url(),
        database: DatabaseConfig { jobs_url, owner_url, listen_url, ..DatabaseConfig::default() },
        ..Config::default()
    };
    assert!(config.shown()["database"]["jobs_url"].as_str().unwrap().contains("me:(set)@localhost"));
    assert!(!config.shown().to_string().contains("s3cr3t"));
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    let set = [
        ("BANYAN_LISTEN", ""),
        ("BANYAN_PUBLIC_URL", "  "),
        ("BANYAN_LIMITS__UPLOAD_BYTES", ""),
        ("BANYAN_SECRET_KEY_FILE", ""),
        ("BANYAN_NOTHING", ""),
    ];
    let loaded = of_environment(&set).unwrap();
    assert_eq!(loaded.config, Config { names: BTreeMap::new(), ..Config::default() });
    assert_eq!(loaded.hints, Vec::<String>::new());
}

#[test]
fn a_variable_that_is_no_setting_is_told_with_the_one_that_was_meant() {
    for (name, near) in [
        ("BANYAN_CHAT_MODEL", "did you mean BANYAN_CHAT__MODEL?"),
        ("BANYAN_LIMITS_UPLOAD_BYTES", "did you mean BANYAN_LIMITS__UPLOAD_BYTES?"),
        ("BANYAN_LISEN", "did you mean BANYAN_LISTEN?"),
        ("BANYAN_TENANT_NAME_FILE", "did you mean BANYAN_TENANT_NAME?"),
        ("BANYAN_OPENAI_API_KEY", "did you mean OPENAI_API_KEY?"),
        ("BANYAN_CHAT", "did you mean BANYAN_CHAT__MODEL?"),
        ("BANYAN_NOTHING_LIKE_IT", "'banyan config' prints"),
    ] {
        let hints = of_environment(&[(name, "x"), ("PATH", "y"), ("BANYAN_TEST_PYTHON", "z")]).unwrap().hints;
        assert!(hints.len() == 1 && hints[0].contains(name) && hints[0].contains(near), "{hints:?}");
    }
}

#[test]
fn a_secret_comes_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    let loaded = |text: &str| {
        std::fs::write(&file, text).unwrap();
        of_environment(&[("BANYAN_SECRET_KEY", "by itself"), ("BANYAN_SECRET_KEY_FILE", file.to_str().unwrap())])
    };
    assert_eq!(loaded("in a file\n").unwrap().config.secret_key.as_deref(), Some("in a file"));
    assert!(told(loaded("\n")).starts_with("BANYAN_SECRET_KEY_FILE names '"));
    std::fs::remove_file(&file).unwrap();
    let missing = of_environment(&[("BANYAN_SECRET_KEY_FILE", file.to_str().unwrap())]);
    assert!(told(missing).starts_with("BANYAN_SECRET_KEY_FILE names '"));
}

#[test]
fn a_public_url_is_a_whole_one_without_a_slash_at_its_end() {
    for (written, kept) in [
        ("https://chat.example.com", "https://chat.example.com"),
        ("https://chat.example.com/", "https://chat.example.com"),
        (" HTTPS://Chat.Example.com:8443/banyan// ", "https://chat.example.com:8443/banyan"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
    ] {
        let config = of_environment(&[("BANYAN_PUBLIC_URL", written)]).unwrap().config;
        assert_eq!(config.public_url.as_deref(), Some(kept));
    }
    for wrong in [
        "chat.example.com",
        "chat.example.com:8080",
        "localhost:8080",
        "//chat.example.com",
        "ftp://chat.example.com",
        "https://",
        "https:///path",
        "https:chat.example.com",
        "https://chat example.com",
        "https://chat.example.com/a b",
        "https://chat.example.com/?a=b",
        "https://chat.example.com/#x",
        "https://me:s3cr3t@chat.example.com",
        "ftp://me:s3cr3t@chat.example.com",
        "me:s3cr3t@chat.example.com",
        "https://chat.example.com:99999",
    ] {
        let told = told(of_environment(&[("BANYAN_PUBLIC_URL", wrong)]));
        assert!(told.starts_with("BANYAN_PUBLIC_URL must") && told.contains("https://chat.example.com'"), "{told}");
        assert!(!told.contains("s3cr3t"), "{told}");
    }
}

#[test]
fn an_address_to_listen_on_has_a_host_and_a_port() {
    for right in ["127.0.0.1:8080", "0.0.0.0:0", "[::]:8080", "[::1]:1", "localhost:8080", "my-host.example:80"] {
        for (name, other) in [("BANYAN_LISTEN", "BANYAN_METRICS_LISTEN"), ("BANYAN_METRICS_LISTEN", "BANYAN_LISTEN")] {
            assert!(of_environment(&[(name, right), (other, "127.0.0.1:7")]).is_ok(), "{right}");
        }
    }
    for wrong in [
        "8080",
        ":8080",
        "localhost",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:99999",
        "127.0.0.1:-1",
        "::1:8080",
        "[::1]",
        "http://127.0.0.1:8080",
        "127.0.0.1:8080/",
        "127.0.0.1 8080",
        "a b:80",
    ] {
        for name in ["BANYAN_LISTEN", "BANYAN_METRICS_LISTEN"] {
            let told = told(of_environment(&[(name, wrong)]));
            assert!(told.starts_with(&format!("{name} must be an address and a port")), "{told}");
        }
    }
}

#[test]
fn the_first_admin_is_told_whole_or_not_at_all() {
    let file = ("BANYAN_ADMIN_PASSWORD_FILE", "/run/secrets/password");
    let email = ("BANYAN_ADMIN_EMAIL", "ada+banyan@example.com");
    assert!(of_environment(&[email, file]).is_ok());
    for (set, named) in [
        (&[email][..], "BANYAN_ADMIN_PASSWORD_FILE"),
        (&[file], "BANYAN_ADMIN_EMAIL"),
        (&[("BANYAN_ADMIN_USERNAME", "ada")], "BANYAN_ADMIN_USERNAME"),
        (&[("BANYAN_ADMIN_EMAIL", "ada"), file], "BANYAN_ADMIN_EMAIL must be an e-mail address"),
        (&[email, file, ("BANYAN_ADMIN_USERNAME", "ada+b")], "BANYAN_ADMIN_USERNAME must be 1 to 64 letters"),
        (&[email, file, ("BANYAN_TENANT_NAME", &"x".repeat(201))], "BANYAN_TENANT_NAME must have at most 200"),
    ] {
        let told = told(of_environment(set));
        assert!(told.contains(named), "{told}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once_each_by_its_name() {
    let told = told(of_environment(&[
        ("BANYAN_LISTEN", "8080"),
        ("BANYAN_LIMITS__UPLOAD_BYTES", "100MB"),
        ("BANYAN_DATABASE__READERS", "0"),
        ("BANYAN_ADMIN_EMAIL", "ada"),
        ("BANYAN_SECRET_KEY_FILE", "/no/such/file"),
    ]));
    for name in [
        "BANYAN_LISTEN must",
        "BANYAN_LIMITS__UPLOAD_BYTES must",
        "BANYAN_DATABASE__READERS must",
        "BANYAN_ADMIN_EMAIL must be an e-mail",
        "BANYAN_ADMIN_EMAIL and BANYAN_ADMIN_PASSWORD_FILE belong together",
        "BANYAN_SECRET_KEY_FILE names '/no/such/file', which cannot be read",
    ] {
        assert_eq!(told.matches(name).count(), 1, "{name}: {told}");
    }
    let told = self::told(of_file("lisen = 1\nhttp_workers = 'x'\n[limt]\nupload_bytes = 7\n[log]\nformat = 'x'\n"));
    for said in ["did you mean 'listen'?", "'http_workers'", "did you mean 'limits'?", "'log.format'"] {
        assert!(told.contains(said), "{said}: {told}");
    }
}

#[test]
fn a_password_in_a_variable_is_told_where_to_go_whatever_else_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("banyan.toml");
    std::fs::write(&file, "").unwrap();
    let set = variables(&[("BANYAN_ADMIN_EMAIL", "ada@example.com"), ("BANYAN_ADMIN_PASSWORD", "s3cr3t")]);
    let (refused, hints) = read(&Options { config: Some(file), ..Options::default() }, set);
    assert!(refused.is_err());
    assert!(hints.len() == 1 && hints[0].contains("set BANYAN_ADMIN_PASSWORD_FILE to"), "{hints:?}");
    assert!(!hints[0].contains("s3cr3t"));
}

#[test]
fn two_listeners_do_not_share_a_port() {
    for (one, other) in [
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("0.0.0.0:8080", "127.0.0.1:8080"),
        ("[::1]:8080", "[::]:8080"),
        ("[::]:8080", "0.0.0.0:8080"),
        ("localhost:8080", "LOCALHOST:8080"),
    ] {
        for (one, other) in [(one, other), (other, one)] {
            let told = told(of_environment(&[("BANYAN_LISTEN", one), ("BANYAN_METRICS_LISTEN", other)]));
            assert!(told.starts_with("BANYAN_LISTEN and BANYAN_METRICS_LISTEN lead to one port"), "{told}");
        }
    }
    let default = told(of_environment(&[("BANYAN_LISTEN", "0.0.0.0:9090")]));
    assert!(default.starts_with("BANYAN_LISTEN and BANYAN_METRICS_LISTEN lead to one port"), "{default}");
    for (one, other) in [
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("localhost:0", "localhost:0"),
        ("127.0.0.1:8080", "127.0.0.2:8080"),
        ("127.0.0.1:8080", "127.0.0.1:8081"),
        ("[::1]:8080", "0.0.0.0:8080"),
    ] {
        assert!(of_environment(&[("BANYAN_LISTEN", one), ("BANYAN_METRICS_LISTEN", other)]).is_ok(), "{one} {other}");
    }
}

#[test]
fn a_public_url_with_more_than_a_path_is_told_with_its_path() {
    for wrong in ["https://Chat.example.com/sub/?x=1", "https://chat.example.com/sub#x"] {
        let told = told(of_environment(&[("BANYAN_PUBLIC_URL", wrong)]));
        assert!(told.ends_with("write it as 'https://chat.example.com/sub'"), "{told}");
    }
}

#[test]
fn a_key_of_a_provider_that_is_none_is_told_with_the_one_that_was_meant_and_its_place() {
    for (key, near, line) in [
        ("base_ur = 'https://host/v1'", "base_ur is not known; did you mean 'base_url'? (in '", 4),
        ("model = ['x']", "model is not known; did you mean 'models'? (in '", 4),
        ("deadlines = { idle = 7 }", "deadlines.idle is not known; did you mean 'idle_seconds'? (in '", 4),
        ("sausage = 1", "sausage is not known; the keys are name, ", 4),
    ] {
        let told = told(of_file(&format!("[[providers]]\nname = 'x'\n[[providers]]\n{key}\n")));
        assert!(told.starts_with(&format!("providers[1].{near}")), "{told}");
        assert!(told.ends_with(&format!("banyan.toml', line {line})")), "{told}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let told = told(of_file("[embeddings]\npath = 'x'\nmodel = 'y'"));
    assert!(told.contains("'embeddings.path' (in '") && told.contains("'embeddings.model' (in '"), "{told}");
}

#[cfg(unix)]
#[test]
fn variables_that_are_no_text_are_refused_and_those_of_others_left_alone() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = || OsString::from_vec(vec![b'a', 0xff]);
    assert!(read(&Options::default(), [(bytes(), bytes()), (OsString::from("OTHER"), bytes())]).0.is_ok());
    assert!(
        told(loaded(read(&Options::default(), [(OsString::from("BANYAN_LISTEN"), bytes())])))
            .starts_with("BANYAN_LISTEN ")
    );
}
