//! Command `matrix`: comparison of several servers.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use command_line::note;
use structopt::StructOpt;

use crate::exit::Exit;
use crate::matrix::{self, Column};
use crate::report::write;

/// Compares the JSON reports of several servers side by side
#[derive(Clone, Debug, StructOpt)]
pub(super) struct MatrixArguments {
    /// Format of the table: markdown or html, with =FILE to write it to a file; repeatable [default: markdown]
    #[structopt(long, value_name = "FORMAT[=FILE]", number_of_values = 1)]
    format: Vec<MatrixFormat>,

    /// Omits requirements on which all servers agree
    #[structopt(long)]
    differences: bool,

    /// Reports written by --format json=FILE; NAME= sets the name of the column [default: the name of the file]
    #[structopt(value_name = "[NAME=]FILE", required = true)]
    reports: Vec<String>,
}

/// Format of the table, and the file to write it to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct MatrixFormat {
    html: bool,
    file: Option<PathBuf>,
}

/// Error that prevents the use of a report.
#[derive(Debug, thiserror::Error)]
enum MatrixError {
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}: not a JSON report of this program: {reason}", path.display())]
    NoReport { path: PathBuf, reason: String },
}

/// Compares the reports and writes the tables.
pub(super) fn run(flags: &MatrixArguments) -> Exit {
    let columns: Result<Vec<_>, _> = flags.reports.iter().map(|argument| column(argument)).collect();
    let columns = match columns {
        Ok(columns) => columns,
        Err(error) => {
            note!("rfc-conformance: {error}");
            return Exit::CouldNotRun;
        }
    };
    let formats = if flags.format.is_empty() { vec![MatrixFormat::default()] } else { flags.format.clone() };
    let rows = matrix::rows(&columns, flags.differences);
    for format in formats {
        let text = if format.html { matrix::to_html(&columns, &rows) } else { matrix::to_markdown(&columns, &rows) };
        if let Err(error) = write(format.file.as_deref(), &text) {
            note!("rfc-conformance: {error}");
            return Exit::CouldNotRun;
        }
    }
    Exit::Passed
}

/// Reads the report that an argument names.
fn column(argument: &str) -> Result<Column, MatrixError> {
    let stem = |path: &str| Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let (name, path) =
        argument.split_once('=').map_or_else(|| (stem(argument), argument), |(name, path)| (name.to_owned(), path));
    let path = Path::new(path);
    let bytes = std::fs::read(path).map_err(|source| MatrixError::Unreadable { path: path.to_owned(), source })?;
    matrix::read(name, &bytes).map_err(|reason| MatrixError::NoReport { path: path.to_owned(), reason })
}

impl FromStr for MatrixFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (form, file) = text.split_once('=').map_or((text, None), |(form, file)| (form, Some(file)));
        let html = match form {
            "markdown" => false,
            "html" => true,
            other => return Err(format!("{other:?} is neither markdown nor html")),
        };
        Ok(Self { html, file: file.map(PathBuf::from) })
    }
}
