//! Shell commands that repeat a request.

use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::message::Request;

/// Maximum size in bytes of bodies that are part of the command.
const MOST_WRITTEN: usize = 4 * 1024;

/// Options common to all commands of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct CurlOptions {
    /// User name; curl asks for the password.
    pub(super) user: Option<String>,
    pub(super) ca: Option<String>,
    pub(super) insecure: bool,
    /// Folder for bodies that are too long for a command line.
    pub(super) bodies: Option<PathBuf>,
}

impl CurlOptions {
    /// Returns the options of curl about certificates, as words.
    fn trusted(&self) -> Vec<String> {
        let ca = self.ca.iter().flat_map(|ca| ["--cacert".to_owned(), quoted(ca.as_bytes())]);
        ca.chain(self.insecure.then(|| "-k".to_owned())).collect()
    }

    /// Returns the options of curl about certificates, each after a space.
    pub(super) fn trust(&self) -> String {
        let words = self.trusted();
        words.iter().flat_map(|word| [" ", word.as_str()]).collect()
    }
}

/// Returns the curl command for a request.
pub(super) fn command(request: &Request, options: &CurlOptions) -> String {
    let mut words = vec!["curl".to_owned(), "-sS".to_owned(), "-i".to_owned()];
    if let Some(user) = &options.user {
        words.extend(["--digest".to_owned(), "-u".to_owned(), quoted(user.as_bytes())]);
    }
    words.extend(options.trusted());
    match request.method.as_str() {
        "GET" => {}
        "HEAD" => words.push("-I".to_owned()),
        method => words.extend(["-X".to_owned(), quoted(method.as_bytes())]),
    }
    for (name, value) in &request.headers {
        if !name.eq_ignore_ascii_case("authorization") {
            words.extend(["-H".to_owned(), quoted(format!("{name}: {value}").as_bytes())]);
        }
    }
    if request.chunked {
        words.extend(["-H".to_owned(), quoted(b"Transfer-Encoding: chunked")]);
    }
    let mut remark = String::new();
    if let Some(body) = &request.body {
        if request.header("content-type").is_none() {
            // Otherwise curl adds a Content-Type of its own.
            words.extend(["-H".to_owned(), quoted(b"Content-Type:")]);
        }
        words.push("--data-binary".to_owned());
        if body.len() > MOST_WRITTEN {
            let file = options.bodies.as_ref().map(|folder| folder.join(body_name(body)));
            let name = file.as_ref().map_or_else(|| "body".into(), |file| file.display().to_string());
            words.push(format!("@{}", quoted(name.as_bytes())));
            let advice = if file.is_some() { "" } else { "; --bodies FOLDER keeps it in a file" };
            remark = format!("  # body: {} bytes, beginning {}{advice}", body.len(), quoted(&body[..60]));
        } else {
            words.push(quoted(body));
        }
    }
    words.push(quoted(request.uri.as_bytes()));
    words.join(" ") + &remark
}

/// Tests whether a body is too long for a command line.
pub(super) fn is_long(body: &[u8]) -> bool {
    body.len() > MOST_WRITTEN
}

/// Returns the name of the file that a long body is kept in: a hash of its content.
pub(super) fn body_name(body: &[u8]) -> String {
    let hash = Sha256::digest(body);
    hash[..8].iter().fold(String::new(), |name, byte| name + &format!("{byte:02x}")) + ".body"
}

/// Quotes a word for a shell.
pub(super) fn quoted(word: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./:@=,+%".contains(byte);
    if !word.is_empty() && word.iter().all(plain) {
        return String::from_utf8_lossy(word).into_owned();
    }
    match std::str::from_utf8(word) {
        Ok(text) if !text.chars().any(char::is_control) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => format!("$'{}'", word.iter().map(|byte| ansi_c(*byte)).collect::<String>()),
    }
}

fn ansi_c(byte: u8) -> String {
    match byte {
        b'\\' => r"\\".to_owned(),
        b'\'' => r"\'".to_owned(),
        b'\n' => r"\n".to_owned(),
        b'\r' => r"\r".to_owned(),
        b'\t' => r"\t".to_owned(),
        0x20..=0x7e => char::from(byte).to_string(),
        other => format!("\\x{other:02x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_quoted_for_a_shell() {
        let request =
            Request::post("http://a/x?y=1&z", "application/alto-networkmapfilter+json", "{\"pids\":[\"it's\"]}");
        let command = command(&request, &CurlOptions { user: Some("ada".into()), ..CurlOptions::default() });
        assert_eq!(
            command,
            "curl -sS -i --digest -u ada -X POST -H 'Content-Type: application/alto-networkmapfilter+json' \
             --data-binary '{\"pids\":[\"it'\\''s\"]}' 'http://a/x?y=1&z'"
        );
    }

    #[test]
    fn bytes_that_are_not_text_are_escaped() {
        assert_eq!(quoted(b"{\"\xff\n'\\"), r#"$'{"\xff\n\'\\'"#);
        assert_eq!(quoted(b""), "''");
        assert_eq!(quoted(b"plain"), "plain");
    }
}
