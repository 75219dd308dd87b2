//! Merges logs by time, holding one line of each: order without keeping everything in memory.

use futures::{Stream, StreamExt};

use super::line::Line;
use crate::Result;

/// The sources' lines in order of time; of equal times in order of sources.
pub struct Merge<S> {
    sources: Vec<(Option<Line>, S)>,
}

impl<S: Stream<Item = Result<Line>> + Unpin> Merge<S> {
    pub async fn new(sources: Vec<S>) -> Result<Self> {
        let mut heads = Vec::with_capacity(sources.len());
        for mut source in sources {
            heads.push((source.next().await.transpose()?, source));
        }
        Ok(Self { sources: heads })
    }

    /// The oldest line that was not yet told.
    pub async fn next(&mut self) -> Result<Option<Line>> {
        let ages = self.sources.iter().enumerate();
        let oldest = ages.filter_map(|(index, (head, _))| Some((head.as_ref()?.time, index))).min();
        let Some((_, index)) = oldest else { return Ok(None) };
        let (head, source) = &mut self.sources[index];
        Ok(std::mem::replace(head, source.next().await.transpose()?))
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn line(second: u8, text: &str) -> Result<Line> {
        Ok(Line {
            time: format!("2026-11-23T10:00:{second:02}Z").parse().unwrap(),
            environment: "qa".into(),
            component: "web".into(),
            pod: "web-1".into(),
            container: "web".into(),
            line: text.into(),
        })
    }

    #[tokio::test]
    async fn lines_of_several_containers_come_in_order_of_time() {
        let web = stream::iter(vec![line(1, "a"), line(4, "d")]);
        let db = stream::iter(vec![line(2, "b"), line(3, "c"), line(4, "e")]);
        let mut merge = Merge::new(vec![web, db, stream::iter(vec![])]).await.unwrap();
        let mut told = String::new();
        while let Some(line) = merge.next().await.unwrap() {
            told.push_str(&line.line);
        }
        assert_eq!(told, "abcde");
    }
}
