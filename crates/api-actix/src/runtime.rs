//! The runtime that work belongs to. Actix polls handlers on threads of its own, each with a small
//! runtime that ends with its server; what handlers begin (tasks, connections, timers) must live on
//! in the runtime of the application.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures::Stream;
use tokio::runtime::Handle;

/// A future or stream polled by others, whose inside lives in `handle`'s runtime.
pub(crate) struct In<T> {
    handle: Handle,
    inner: Pin<Box<T>>,
}

impl<T> In<T> {
    pub(crate) fn new(handle: Handle, inner: T) -> Self {
        Self { handle, inner: Box::pin(inner) }
    }
}

impl<F: Future> Future for In<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let handle = self.handle.clone();
        let _entered = handle.enter();
        self.inner.as_mut().poll(context)
    }
}

impl<S: Stream> Stream for In<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let handle = self.handle.clone();
        let _entered = handle.enter();
        self.inner.as_mut().poll_next(context)
    }
}
