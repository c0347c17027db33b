//! `alto-server ctl`: asks and changes a running server through `/admin`, without curl.

mod client;
mod place;
mod show;

use std::io::Write;
use std::path::PathBuf;

use serde_json::{Map, Value};
use structopt::StructOpt;

use self::client::Reply;
use self::place::Place;
use crate::config::settings::Settings;
use command_line::{Exit, note};

// Options of `alto-server ctl`. A doc comment would replace its summary in the help.
#[expect(clippy::doc_markdown, reason = "the comments are the help text, where backticks are noise")]
#[derive(Debug, StructOpt)]
pub(super) struct CtlOptions {
    /// Asks over this Unix socket [default: admin-socket of the settings]
    #[structopt(long, value_name = "PATH")]
    socket: Option<PathBuf>,

    /// Asks the server at this URI, with http or https and a port [default: the first address of the settings]
    #[structopt(long, value_name = "URI", conflicts_with = "socket")]
    server: Option<String>,

    /// File with the token to send [default: ALTO_ADMIN_TOKEN, or admin-token-file of the settings]
    #[structopt(long, value_name = "FILE")]
    token: Option<PathBuf>,

    /// PEM file with the certificate to trust for https [default: tls-certificate of the settings]
    #[structopt(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Prints the answer in JSON, as the server gives it
    #[structopt(long)]
    json: bool,

    #[structopt(subcommand)]
    command: CtlCommand,
}

// What to ask or change.
#[derive(Debug, StructOpt)]
enum CtlCommand {
    /// Shows the topology, counts and tags
    Status,
    /// Lists all links with their values, and what overrides the topology
    Links {
        /// Lists only links that are changed or measured
        #[structopt(long)]
        changed: bool,
    },
    /// Changes a link: KEY=VALUE with bandwidth, delay, loss, up, cost, price, utilisation, measured-delay, measured-loss, index
    Set {
        #[structopt(value_name = "NODE")]
        source: String,
        #[structopt(value_name = "NODE")]
        destination: String,
        /// Values to set; cost=null returns to the computed cost
        #[structopt(value_name = "KEY=VALUE", required = true)]
        values: Vec<String>,
    },
    /// Undoes the change of one link, or of all
    Undo {
        #[structopt(value_name = "NODE", required_unless = "all")]
        source: Option<String>,
        #[structopt(value_name = "NODE", required_unless = "all")]
        destination: Option<String>,
        /// Which of several links between the two, from 0 in the order of the topology
        #[structopt(long, value_name = "N")]
        index: Option<usize>,
        /// Undoes the changes of all links
        #[structopt(long, conflicts_with_all = &["source", "destination", "index"])]
        all: bool,
    },
    /// Prints the topology in force, or replaces it
    Topology {
        /// Replaces the topology by the one in this file
        #[structopt(long, value_name = "FILE")]
        replace: Option<PathBuf>,
        /// Returns to the topology file
        #[structopt(long, conflicts_with_all = &["replace", "previous"])]
        restore: bool,
        /// Returns to the topology before, with its changes
        #[structopt(long, conflicts_with = "replace")]
        previous: bool,
    },
    /// Reads settings and files again, as SIGHUP does
    Reload,
    /// Prints the route between every two hosts
    Routes,
    /// Lists who changed what, the newest first
    Audit {
        /// Lists at most N changes
        #[structopt(long, value_name = "N", default_value = "50")]
        limit: usize,
    },
}

/// Request to the API.
struct Question {
    method: &'static str,
    path: String,
    body: Option<Vec<u8>>,
    /// Formats the answer for people.
    show: fn(&Value) -> String,
}

/// Asks a server, and prints its answer.
pub(super) fn run(options: &CtlOptions, settings: &Settings) -> Exit {
    let asked = Place::find(options.socket.as_ref(), options.server.as_deref(), settings).and_then(|place| {
        let token = place::token(options.token.as_deref(), settings)?;
        let ca = options.ca.as_deref().or(settings.tls_certificate.as_deref());
        let question = options.command.question()?;
        let reply = place.ask(question.method, &question.path, question.body.as_deref(), token.as_deref(), ca)?;
        Ok((question, reply))
    });
    let (question, reply) = match asked {
        Ok(asked) => asked,
        Err(problem) => {
            note!("alto-server: {problem}");
            return Exit::Failure;
        }
    };
    let answer: Option<Value> = serde_json::from_slice(&reply.body).ok();
    if !reply.is_success() {
        note!("alto-server: {}", explain(&reply, answer.as_ref()));
        return Exit::Failure;
    }
    let text = match &answer {
        Some(answer) if !options.json => (question.show)(answer),
        _ => String::from_utf8_lossy(&reply.body).into_owned(),
    };
    let mut output = std::io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| writeln!(output)).and_then(|()| output.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Exit::Failure,
        _ => Exit::Success,
    }
}

/// Says why the server refuses a request.
fn explain(reply: &Reply, answer: Option<&Value>) -> String {
    let detail = answer.and_then(|answer| answer["detail"].as_str()).unwrap_or("it gives no reason");
    let remedy = match reply.status {
        401 => "; give --token FILE, or set ALTO_ADMIN_TOKEN",
        404 if answer.is_none() => "; is this an alto-server?",
        _ => "",
    };
    format!("the server refused ({}): {detail}{remedy}", reply.status)
}

impl CtlCommand {
    fn question(&self) -> Result<Question, String> {
        let ask = |method, path: String, body, show| Ok(Question { method, path, body, show });
        match self {
            Self::Status => ask("GET", "/admin/status".to_owned(), None, show::status),
            Self::Links { changed } => {
                ask("GET", "/admin/links".to_owned(), None, if *changed { show::changed_links } else { show::links })
            }
            Self::Set { source, destination, values } => {
                let body = change(source, destination, values)?.to_string().into_bytes();
                ask("POST", "/admin/links".to_owned(), Some(body), show::report)
            }
            Self::Undo { source: Some(source), destination: Some(destination), index, .. } => {
                let index = index.map(|index| format!("?index={index}")).unwrap_or_default();
                ask(
                    "DELETE",
                    format!("/admin/links/{}/{}{index}", encoded(source), encoded(destination)),
                    None,
                    show::report,
                )
            }
            Self::Undo { all: true, .. } => ask("DELETE", "/admin/links".to_owned(), None, show::report),
            Self::Undo { .. } => Err("give both ends of the link, or --all".to_owned()),
            Self::Topology { replace: Some(file), .. } => {
                let body =
                    std::fs::read(file).map_err(|error| format!("{}: cannot be read: {error}", file.display()))?;
                ask("PUT", "/admin/topology".to_owned(), Some(body), show::report)
            }
            Self::Topology { restore: true, .. } => ask("DELETE", "/admin/topology".to_owned(), None, show::report),
            Self::Topology { previous: true, .. } => {
                ask("POST", "/admin/topology/previous".to_owned(), None, show::report)
            }
            Self::Topology { .. } => ask("GET", "/admin/topology".to_owned(), None, show::json),
            Self::Reload => ask("POST", "/admin/reload".to_owned(), None, show::report),
            Self::Routes => ask("GET", "/admin/routes".to_owned(), None, show::routes),
            Self::Audit { limit } => ask("GET", format!("/admin/audit?limit={limit}"), None, show::audit),
        }
    }
}

/// Makes the change of a link from `KEY=VALUE` words. What is no JSON is a text.
fn change(source: &str, destination: &str, values: &[String]) -> Result<Value, String> {
    let mut change = Map::new();
    change.insert("source".to_owned(), source.into());
    change.insert("destination".to_owned(), destination.into());
    for word in values {
        let (key, value) = word.split_once('=').ok_or_else(|| format!("{word:?} is not KEY=VALUE, such as cost=5"))?;
        change.insert(key.to_owned(), serde_json::from_str(value).unwrap_or_else(|_| value.into()));
    }
    Ok(Value::Object(change))
}

/// Encodes a name for a path.
fn encoded(name: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    name.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
