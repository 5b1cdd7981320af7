//! The way to the gateway: where it is, who asks, what it answers, and how a job is followed.

mod answer;
mod config;
mod error;
mod follow;
mod gateway;
mod named;
mod post;
#[cfg(test)]
mod tests;

pub(crate) use answer::{Accepted, Callback, Entry, Status};
pub(crate) use config::Config;
pub(crate) use error::Error;
pub(crate) use follow::{Follow, follow, status_path};
pub(crate) use gateway::{Answer, Gateway};
pub(crate) use named::{Named, job_id};
pub(crate) use post::{Body, Post, fresh_key};
