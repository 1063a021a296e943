//! Pages of a list, and the links between them.

use axum::Json;
use axum::response::{IntoResponse, Response};
use hyper::header;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::exchange::Origin;

/// The page a request asks for. Nonsense is taken for the default, as GitHub does.
#[derive(Debug, Deserialize)]
pub(super) struct PageQuery {
    per_page: Option<String>,
    page: Option<String>,
}

/// How long the pages of a list are.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageSize {
    pub(super) default: usize,
    pub(super) highest: usize,
}

impl PageSize {
    pub(super) const USUAL: Self = Self { default: 30, highest: 100 };
    pub(super) const VARIABLES: Self = Self { default: 10, highest: 30 };
}

/// One page of a list.
#[derive(Debug)]
pub(super) struct Page {
    total: usize,
    items: Vec<Value>,
    number: usize,
    last: usize,
    size: usize,
}

impl Page {
    pub(super) fn of(items: Vec<Value>, query: &PageQuery, size: PageSize) -> Self {
        let number = |text: &Option<String>| text.as_deref()?.parse::<usize>().ok().filter(|&number| number > 0);
        let size = number(&query.per_page).unwrap_or(size.default).min(size.highest);
        let page = number(&query.page).unwrap_or(1);
        let total = items.len();
        let items = items.into_iter().skip((page - 1).saturating_mul(size)).take(size).collect();
        Self { total, items, number: page, last: total.div_ceil(size).max(1), size }
    }

    /// Answers the page as `{"total_count": …, "<key>": […]}`, with links.
    pub(super) fn response(self, key: &str, origin: &Origin) -> Response {
        let links = self.links(origin);
        let mut response = self.response_without_links(key);
        if !links.is_empty() {
            let links = links.parse().expect("an address is a valid header value");
            response.headers_mut().insert(header::LINK, links);
        }
        response
    }

    /// Answers the page without links, as the list of environments does.
    pub(super) fn response_without_links(self, key: &str) -> Response {
        Json(json!({ "total_count": self.total, key: self.items })).into_response()
    }

    /// Answers the page as a bare list, with links.
    pub(super) fn bare_response(self, origin: &Origin) -> Response {
        let links = self.links(origin);
        let mut response = Json(self.items).into_response();
        if !links.is_empty() {
            let links = links.parse().expect("an address is a valid header value");
            response.headers_mut().insert(header::LINK, links);
        }
        response
    }

    fn links(&self, origin: &Origin) -> String {
        let mut relations = Vec::new();
        if self.number > 1 {
            relations.push(("prev", (self.number - 1).min(self.last)));
        }
        if self.number < self.last {
            relations.extend([("next", self.number + 1), ("last", self.last)]);
        }
        if self.number > 1 {
            relations.push(("first", 1));
        }
        let Origin { base, path } = origin;
        let link = |(relation, page)| format!("<{base}{path}?per_page={}&page={page}>; rel=\"{relation}\"", self.size);
        relations.into_iter().map(link).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(number: &str) -> Page {
        let query = PageQuery { per_page: Some("2".to_owned()), page: Some(number.to_owned()) };
        Page::of((0..5).map(Value::from).collect(), &query, PageSize::USUAL)
    }

    #[test]
    fn links_lead_from_the_first_page_to_the_last() {
        let origin = Origin { base: "http://127.0.0.1:1".to_owned(), path: "/list".to_owned() };
        let link = |page, relation| format!("<http://127.0.0.1:1/list?per_page=2&page={page}>; rel=\"{relation}\"");
        assert_eq!(page("1").links(&origin), format!("{}, {}", link(2, "next"), link(3, "last")));
        assert_eq!(page("3").links(&origin), format!("{}, {}", link(2, "prev"), link(1, "first")));
        assert_eq!(page("3").items, [4]);
        assert!(page("9").items.is_empty());
    }
}
