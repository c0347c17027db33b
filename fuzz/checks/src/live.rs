//! Parsers of what routers and Prometheus send to `alto-feed`.

#[path = "../../../alto-feed/src/live/bmp/message.rs"]
pub mod message;
#[path = "../../../alto-feed/src/live/prometheus_answer.rs"]
pub mod prometheus_answer;
