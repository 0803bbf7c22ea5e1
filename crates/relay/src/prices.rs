//! The price table in force: what comes with the relay, under the operator's file, under what was set through the API.

use accounting::{ModelPrice, PriceTable, Source};
use arc_swap::ArcSwap;
use std::sync::Arc;
use store::{
    Family, Records, StoreError,
    nouns::ModelPricingRecord,
    records::{Direction, PAGE_MAX, PageQuery, Row, Versioned},
};

/// The price table, and how it is put together.
pub(crate) struct Prices {
    base: Arc<PriceTable>,
    current: ArcSwap<PriceTable>,
}

impl Prices {
    /// Prices by `base` alone, until they are read.
    pub(crate) fn new(base: Arc<PriceTable>) -> Self {
        let current = ArcSwap::new(Arc::clone(&base));
        Self { base, current }
    }

    /// The table in force.
    pub(crate) fn current(&self) -> Arc<PriceTable> {
        self.current.load_full()
    }

    /// The name in the books of a model as a client names it.
    pub(crate) fn model_key(&self, model: &str) -> Arc<str> {
        self.current.load().resolve(model).name
    }

    /// Reads what was set through the API again.
    pub(crate) async fn reload(&self, records: &dyn Records) -> Result<(), StoreError> {
        let mut query = PageQuery {
            family: Family::ModelPricing,
            filters: Vec::new(),
            search: None,
            order: "updated_at",
            direction: Direction::Ascending,
            after: None,
            limit: PAGE_MAX,
        };
        let mut models = Vec::new();
        loop {
            let page = records.page(&query).await?;
            for row in &page.rows {
                match read(row) {
                    Ok(model) => models.push(model),
                    Err(error) => tracing::error!(record = row.id, error, "a price is passed over"),
                }
            }
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        self.current.store(Arc::new(self.base.with_overrides(Source::Api, &models)));
        Ok(())
    }
}

/// One price as it stands in the store; why not, for the operator, where it does not parse.
fn read(row: &Row) -> Result<ModelPrice, String> {
    let found = Versioned::<ModelPricingRecord>::read(Family::ModelPricing, row).map_err(|error| error.to_string())?;
    ModelPrice::parse_json(&found.record.document).map_err(|error| error.to_string())
}
