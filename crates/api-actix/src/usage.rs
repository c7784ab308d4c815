//! The ledger.

use actix_web::HttpResponse;
use domain::{
    error::ValueError,
    money::Money,
    usage::{UsageFilter, UsageGroup, UsageGrouping, UsageTotals},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    authorize::ActorRequest,
    error::HandlerResult,
    openapi::values::{Usd, one_of, values},
    query::{Moment, Query},
    route::LISTED,
};

/// What sums can be asked for by; those by message are a conversation's own report.
const GROUPINGS: &[UsageGrouping] =
    &[UsageGrouping::Model, UsageGrouping::User, UsageGrouping::Day, UsageGrouping::Agent];

values! {
    /// By what usage is summed up.
    UsageGroupName = one_of(GROUPINGS.iter().map(|group| group.as_str()));
}

/// Which rows are summed up, and how.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SummaryQuery {
    /// By default `model`.
    #[param(value_type = Option<UsageGroupName>)]
    group_by: Option<String>,
    /// Requested at or after. A date alone is its first instant in UTC.
    #[param(value_type = Option<DateTime<Utc>>)]
    from: Option<Moment>,
    /// Requested before.
    #[param(value_type = Option<DateTime<Utc>>)]
    to: Option<Moment>,
}

/// Exact sums.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TotalsBody {
    requests: u64,
    input_tokens: u64,
    output_tokens: u64,
    /// The sum of the known costs.
    #[schema(value_type = Usd)]
    cost: String,
    /// False when the price of some call is not known.
    cost_complete: bool,
}

impl From<UsageTotals> for TotalsBody {
    fn from(totals: UsageTotals) -> Self {
        let UsageTotals { requests, input_tokens, output_tokens, cost, unknown_costs } = totals;
        Self { requests, input_tokens, output_tokens, cost: cost.to_usd(), cost_complete: unknown_costs == 0 }
    }
}

/// The sums of one group.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupBody {
    key: String,
    #[serde(flatten)]
    totals: TotalsBody,
}

impl From<UsageGroup> for GroupBody {
    fn from(UsageGroup { key, totals }: UsageGroup) -> Self {
        Self { key, totals: totals.into() }
    }
}

/// Sums by group, with their total.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SummaryBody {
    items: Vec<GroupBody>,
    total: TotalsBody,
}

fn grouping(name: &str) -> Result<UsageGrouping, ValueError> {
    let grouping = UsageGrouping::parse_among(GROUPINGS, name);
    grouping.map_err(|error| ValueError { field: "group_by".to_owned(), ..error })
}

/// A cost on the wire: USD with nine places, or null when the price is not known.
pub(crate) fn cost_body(cost: Option<Money>) -> Option<String> {
    cost.map(Money::to_usd)
}

/// Sums of one's own usage, or of the tenant's for its admins.
#[utoipa::path(trace, path = LISTED, params(SummaryQuery), responses((status = 200, body = SummaryBody)))]
pub(crate) async fn summarize(request: ActorRequest, query: Query<SummaryQuery>) -> HandlerResult {
    let SummaryQuery { group_by, from, to } = query.0;
    let by = group_by.as_deref().map_or(Ok(UsageGrouping::Model), grouping)?;
    let filter = UsageFilter { from: from.map(|from| from.0), to: to.map(|to| to.0), conversation: None };
    let summary = request.app.usage().summary(&request.actor, filter, by).await?;
    let items = summary.items.into_iter().map(GroupBody::from).collect();
    Ok(HttpResponse::Ok().json(SummaryBody { items, total: summary.total.into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_by_message_are_not_offered() {
        assert_eq!(grouping("day"), Ok(UsageGrouping::Day));
        for name in ["message", "week", ""] {
            let ValueError { field, code, message } = grouping(name).unwrap_err();
            assert_eq!((field.as_str(), code), ("group_by", "unknown_group"), "{name}");
            assert_eq!(message, "must be one of model, user, day, agent");
        }
    }
}
