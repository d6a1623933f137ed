//! Where settings come from, which wins, and what is refused in which words.

use std::path::{Path, PathBuf};

use chassis::{Secret, load_from, settings::Error};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Config {
    port: u16,
    host: String,
    require_key: bool,
    allowed_hosts: Vec<String>,
    api_key: Secret,
    otlp_endpoint: String,
    data_dir: PathBuf,
    models_dir: PathBuf,
    outputs_dir: PathBuf,
    assets_url: String,
    database_url: Secret,
}

fn from_variables(variables: &[(&str, &str)]) -> Result<Config, Error> {
    load(None, variables)
}

fn load(file: Option<&Path>, variables: &[(&str, &str)]) -> Result<Config, Error> {
    load_from(file, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn from_file(text: &str) -> Result<Config, Error> {
    let file = written(text);
    load(Some(file.path()), &[])
}

fn written(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn refusal(variables: &[(&str, &str)]) -> String {
    from_variables(variables).unwrap_err().to_string()
}

#[test]
fn without_a_file_and_variables_there_are_the_defaults() {
    let config = from_variables(&[("HOME", "/nowhere")]).unwrap();
    assert_eq!((config.port, config.host.as_str(), config.require_key), (8080, "127.0.0.1", false));
    assert!(config.api_key.is_empty());
}

#[test]
fn a_variable_wins_over_the_file_and_the_file_over_the_default() {
    let file = written("port = 1000\nhost = \"::1\"\n");
    let config = load(Some(file.path()), &[("ATELIER_PORT", "2000")]).unwrap();
    assert_eq!((config.port, config.host.as_str()), (2000, "::1"));
}

#[test]
fn familiar_names_are_read_and_our_own_win_over_them() {
    let familiar = [("PORT", "3000"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")];
    let config = from_variables(&familiar).unwrap();
    assert_eq!((config.port, config.otlp_endpoint.as_str()), (3000, "http://c:4318"));
    assert_eq!(from_variables(&[("PORT", "3000"), ("ATELIER_PORT", "4000")]).unwrap().port, 4000);
}

#[test]
fn variables_are_read_as_what_the_setting_is() {
    let config = from_variables(&[
        ("ATELIER_REQUIRE_KEY", "1"),
        ("ATELIER_ALLOWED_HOSTS", "a.example, b.example,"),
        ("ATELIER_HOST", "12"),
    ])
    .unwrap();
    assert!(config.require_key);
    assert_eq!(config.allowed_hosts, ["a.example", "b.example"]);
    assert_eq!(config.host, "12");
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    assert_eq!(from_variables(&[("ATELIER_PORT", ""), ("ATELIER_HOST", "")]).unwrap().port, 8080);
}

#[test]
fn folders_and_urls_that_are_not_set_follow_from_the_data_folder() {
    let config = from_variables(&[("ATELIER_DATA_DIR", "/srv/my studio")]).unwrap();
    assert_eq!(config.models_dir, Path::new("/srv/my studio/models"));
    assert_eq!(config.outputs_dir, Path::new("/srv/my studio/outputs"));
    assert_eq!(config.assets_url, "file:///srv/my%20studio/outputs");
    assert_eq!(config.database_url.expose(), "sqlite:///srv/my%20studio/atelier.db");
}

#[test]
fn a_relative_folder_becomes_absolute() {
    let config = from_variables(&[("ATELIER_MODELS_DIR", "weights")]).unwrap();
    let here = std::env::current_dir().unwrap();
    assert_eq!((config.data_dir, config.models_dir), (here.join("data"), here.join("weights")));
}

#[test]
fn what_is_set_is_not_derived() {
    let config = from_variables(&[("ATELIER_OUTPUTS_DIR", "/o"), ("ATELIER_DATABASE_URL", "postgres://h/d")]).unwrap();
    assert_eq!((config.assets_url.as_str(), config.database_url.expose()), ("file:///o", "postgres://h/d"));
}

#[test]
fn an_unknown_variable_is_refused_with_the_nearest_name() {
    assert_eq!(
        refusal(&[("ATELIER_PROT", "1")]),
        "the variable ATELIER_PROT is no setting; did you mean ATELIER_PORT?"
    );
    assert_eq!(refusal(&[("ATELIER_WHATEVER", "1")]), "the variable ATELIER_WHATEVER is no setting");
}

#[test]
fn variables_of_the_client_and_of_tests_are_none_of_the_services_business() {
    let others = [("ATELIER_SERVER", "x"), ("ATELIER_KEY", "x"), ("ATELIER_CONFIG", "x"), ("ATELIER_TEST_GPU", "1")];
    assert!(from_variables(&others).is_ok());
}

#[test]
fn an_unknown_key_in_the_file_is_refused_with_the_file_and_the_nearest_name() {
    let message = from_file("modelsdir = \"x\"").unwrap_err().to_string();
    assert!(message.ends_with(" sets modelsdir, which is no setting; did you mean models_dir?"), "{message}");
    assert!(from_file("[server]\nport = 1").unwrap_err().to_string().contains(" sets server, which is no setting"));
}

#[test]
fn a_value_out_of_bounds_or_of_another_type_is_refused_with_its_key_source_and_bounds() {
    let bounds = "must be a whole number from 0 to 65535";
    assert_eq!(
        refusal(&[("ATELIER_PORT", "70000")]),
        format!("the setting port, from ATELIER_PORT, {bounds}, not 70000")
    );
    assert_eq!(refusal(&[("PORT", "http")]), format!("the setting port, from PORT, {bounds}, not \"http\""));
    assert_eq!(
        refusal(&[("ATELIER_REQUIRE_KEY", "yes")]),
        "the setting require_key, from ATELIER_REQUIRE_KEY, must be true or false, not \"yes\""
    );
    assert_eq!(
        refusal(&[("ATELIER_ENGINE", "comfy")]),
        "the setting engine, from ATELIER_ENGINE, must be one of sd, scripted, not \"comfy\""
    );
    let message = from_file("allowed_hosts = \"a\"").unwrap_err().to_string();
    assert!(message.ends_with("must be a list of texts, not \"a\""), "{message}");
}

#[test]
fn no_error_shows_a_secret() {
    for text in ["api_key = [\"hunter2\"]", "api_key = \"hunter2", "api_key = hunter2", "api_key = 'a' 'hunter2'"] {
        let error = anyhow::Error::from(from_file(text).unwrap_err());
        assert!(!format!("{error:#} {error:?}").contains("hunter2"), "{error:?}");
    }
    let config = from_variables(&[("ATELIER_API_KEY", "hunter2")]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn a_file_that_is_no_toml_or_is_not_there_is_named() {
    let message = from_file("port = 1\nhost = ").unwrap_err().to_string();
    assert!(message.starts_with("line 2 of /") && message.contains("is no TOML"), "{message}");
    let message = load(Some(Path::new("/nowhere/atelier.toml")), &[]).unwrap_err().to_string();
    assert_eq!(message, "could not read the settings in /nowhere/atelier.toml");
}

#[test]
fn a_service_that_reads_an_undeclared_setting_is_told_that_it_is_a_bug() {
    #[derive(Debug, Deserialize)]
    struct Wrong {
        #[allow(dead_code, reason = "it is never filled")]
        colour: String,
    }
    let error = load_from::<Wrong>(None, []).unwrap_err();
    assert!(error.to_string().contains("missing field `colour`; this is a bug"), "{error}");
}
