//! The bodies a twin sends: whole ones, and two kinds no honest server sends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};

const CHUNK: usize = 64 * 1024;

/// How often a cut body is polled in vain before it fails.
///
/// Each poll lets the connection write out what it holds. Failing at once would discard the half that was promised.
const POLLS_BEFORE_THE_CUT: u8 = 3;

/// A response body.
#[derive(Debug)]
pub(crate) enum TwinBody {
    Whole(Bytes),
    Cut { half: Bytes, polls: u8 },
    Spaces { left: u64 },
}

impl TwinBody {
    pub(crate) fn cut(whole: &Bytes) -> Self {
        Self::Cut { half: whole.slice(..whole.len() / 2), polls: 0 }
    }
}

impl Body for TwinBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Cut { half, .. } if !half.is_empty() => Poll::Ready(Some(Ok(Frame::data(std::mem::take(half))))),
            Self::Cut { polls, .. } if *polls < POLLS_BEFORE_THE_CUT => {
                *polls += 1;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Cut { .. } => Poll::Ready(Some(Err(io::Error::other("the body is cut here")))),
            Self::Spaces { left: 0 } => Poll::Ready(None),
            Self::Spaces { left } => {
                let length = usize::try_from(*left).map_or(CHUNK, |left| left.min(CHUNK));
                *left -= length as u64;
                Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b' '; length])))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Cut { .. } | Self::Spaces { .. } => SizeHint::default(),
        }
    }
}
