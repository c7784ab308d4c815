//! Prices.

use chrono::TimeDelta;
use domain::{money::Money, usage::TokenUsage};

use crate::{World, scopes};

/// The built-in model costs a known nothing; an unknown model has no price, which is not the same.
pub async fn nothing_and_unknown_differ(world: World) {
    let cast = world.cast().await;
    let find = async |provider, model, at| {
        world.read(&scopes::own(&cast.ada), async |tx| tx.prices().find_in_force(provider, model, at).await).await
    };
    let now = world.make.now();
    let price = find("banyan", "extractive", now).await.unwrap();
    let tokens = TokenUsage { input_tokens: 1_000_000, output_tokens: 1_000_000, ..TokenUsage::default() };
    assert_eq!(price.cost_of(tokens).unwrap().cost, Money::ZERO);
    assert_eq!((price.provider.as_str(), price.model.as_str()), ("banyan", "extractive"));
    assert!(price.valid_from <= now && price.valid_to.is_none_or(|end| now < end));
    assert_eq!(find("banyan", "unheard-of", now).await, None);
    assert_eq!(find("openai", "extractive", now).await, None);
    let before = price.valid_from - TimeDelta::microseconds(1);
    assert_ne!(find("banyan", "extractive", before).await, Some(price.clone()));
    assert_eq!(find("banyan", "extractive", price.valid_from).await, Some(price));
}
