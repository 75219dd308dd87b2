//! What something cost: wall time, requests to the API server, CPU seconds of everybody who took part.

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use crate::asked::{OPERATOR, count};
use crate::scrape::Scrape;

/// Begun before, read after; what reading itself costs stays outside where it can.
pub struct Meter<'a> {
    system: &'a str,
    api_server: Scrape,
    operator: Scrape,
    tools: f64,
    begun: Instant,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub wall: Duration,
    /// Requests of the programs that were run, and of the operator meanwhile.
    pub tool_requests: f64,
    pub operator_requests: f64,
    /// CPU seconds.
    pub tools: f64,
    pub operator: f64,
    pub api_server: f64,
}

impl<'a> Meter<'a> {
    pub fn begin(system: &'a str) -> anyhow::Result<Self> {
        let (operator, api_server) = (Scrape::operator()?, Scrape::api_server()?);
        Ok(Self { system, api_server, operator, tools: children()?, begun: Instant::now() })
    }

    pub fn end(self) -> anyhow::Result<Cost> {
        let wall = self.begun.elapsed();
        let tools = children()? - self.tools;
        let (api_server, operator) = (Scrape::api_server()?, Scrape::operator()?);
        let asked = |who: &str| count(&api_server, who) - count(&self.api_server, who);
        Ok(Cost {
            wall,
            tool_requests: asked(self.system),
            operator_requests: asked(OPERATOR),
            tools,
            operator: operator.cpu() - self.operator.cpu(),
            api_server: api_server.cpu() - self.api_server.cpu(),
        })
    }
}

/// CPU seconds of every program that we ran and that has ended.
pub fn children() -> anyhow::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}
