//! The price table: the embedded list with the operator's own prices over it, complete and ready to be looked up. It never changes;
//! a new list is a new table.

use crate::{
    compile::{CompiledPrice, Rate, Rates},
    cost::{ClassCosts, Factors, Priced, Pricing},
    digest, figures,
    model_price::{ModelPrice, ModelPriceParts, PriceFrom},
    names::{Match, NameIndex, Resolved},
    published::{Factor, PriceTraits, Provider, ServiceTier, is_unknown_entry, unknown_model},
};
use domain::{Day, Dialect, MODEL_OTHER};
use std::{collections::BTreeMap, sync::Arc};

/// Where a price comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The list that the program carries.
    Embedded,
    /// The operator's price file.
    File,
    /// The price API.
    Api,
}

/// Every price that is known.
#[derive(Debug)]
pub struct PriceTable {
    version: Arc<str>,
    entries: Vec<Entry>,
    names: NameIndex,
}

/// One model of the table.
#[derive(Debug, Clone)]
pub struct Entry {
    model: Arc<str>,
    /// What the books call it: `model`, or `other` for the entries of unknown models.
    key: Arc<str>,
    input_tokens_max: Option<u64>,
    output_tokens_max: Option<u64>,
    /// Ascending by day; never empty.
    periods: Vec<Period>,
}

/// A model's prices from a day on, with where they come from.
#[derive(Debug, Clone)]
pub struct Period {
    source: Source,
    label: Arc<str>,
    provider: Provider,
    stated: PriceFrom,
    compiled: CompiledPrice,
}

impl PriceTable {
    /// The table of the embedded list.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the text is a constant, and a test reads it")]
    pub fn embedded() -> Self {
        let models = figures::embedded().expect("a test reads the same text");
        Self::build(BTreeMap::new(), Source::Embedded, &models)
    }

    /// This table with `models` over it. Each holds from its own first day on; before that day, what this table said still
    /// holds. A model that `models` names twice ends as its last one says.
    #[must_use]
    pub fn with_overrides(&self, source: Source, models: &[ModelPrice]) -> Self {
        let entries = self.entries.iter().map(|entry| (Arc::clone(&entry.model), entry.clone())).collect();
        Self::build(entries, source, models)
    }

    fn build(mut entries: BTreeMap<Arc<str>, Entry>, source: Source, models: &[ModelPrice]) -> Self {
        for model in models {
            let under = entries.remove(model.model());
            let entry = Entry::over(under, source, model);
            entries.insert(Arc::clone(&entry.model), entry);
        }
        let entries: Vec<Entry> = entries.into_values().collect();
        let names: Vec<Arc<str>> = entries.iter().map(|entry| Arc::clone(&entry.model)).collect();
        let version = digest::short(entries.iter().flat_map(Entry::texts));
        Self { version: version.into(), names: NameIndex::new(&names), entries }
    }

    /// A short digest of which price every model has from which source: equal tables on two nodes have equal ones.
    #[must_use]
    pub const fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// Every model, by name, those that stand for unknown ones included.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The entry that a model's name leads to; none when it is unknown.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.names.find(name).map(|(at, _)| &self.entries[at])
    }

    /// The model's name in the books, and how it was found.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Resolved {
        // An unknown model is called the same in every dialect.
        let (entry, how) = self.find(name, Dialect::Anthropic);
        Resolved { name: Arc::clone(&entry.key), how }
    }

    /// What an attempt cost at list price, and by which price. Takes under a microsecond; allocates only for factors and for
    /// names that do not stand in the list as they are.
    #[must_use]
    pub fn price(&self, asked: &Pricing<'_>) -> Priced {
        let (entry, how) = self.find(asked.model, asked.dialect);
        let period = entry.on(asked.day);
        let (rates, service) = period.rates(asked.traits);
        let rate = rates.of(asked.usage.prompt());
        let classes = ClassCosts::new(&rate.prices, asked.usage);
        let factors = Factors([
            service,
            period.provider.fast_factor(period.stated.fast, asked.traits),
            period.provider.geo_factor(asked.traits),
        ]);
        Priced {
            cost: factors.round(classes.sum_pico()),
            model_key: Arc::clone(&entry.key),
            price: factors.text(rate),
            how,
            classes,
        }
    }

    /// As [`price`](Self::price). A model that the list does not know, as only an account's mapping names it, costs what `requested`
    /// costs, the client's name for it.
    #[must_use]
    pub fn price_mapped(&self, served: &Pricing<'_>, requested: &str) -> Priced {
        let priced = self.price(served);
        if priced.how == Match::Unknown && served.model != requested {
            return self.price(&Pricing { model: requested, ..*served });
        }
        priced
    }

    /// Every rate of the model with this name in the list.
    pub(crate) fn rates_of(&self, model: &str) -> impl Iterator<Item = &Rate> {
        let at = self.entries.binary_search_by(|entry| (*entry.model).cmp(model));
        let periods = at.ok().into_iter().flat_map(|at| &self.entries[at].periods);
        periods.flat_map(|period| period.compiled.rates())
    }

    fn find(&self, name: &str, dialect: Dialect) -> (&Entry, Match) {
        if let Some((at, how)) = self.names.find(name) {
            return (&self.entries[at], how);
        }
        let unknown = unknown_model(dialect);
        let at = self.entries.binary_search_by(|entry| (*entry.model).cmp(unknown));
        (
            &self.entries[at.expect("the embedded list has one for each dialect, and no table is without it")],
            Match::Unknown,
        )
    }
}

impl Entry {
    /// `model` as `source` states it, before its first day as `under` has it.
    fn over(under: Option<Self>, source: Source, model: &ModelPrice) -> Self {
        let label = source.label(model);
        let first_day = model.prices()[0].effective_from;
        let (mut periods, ceilings) = match under {
            Some(under) => (under.periods, (under.input_tokens_max, under.output_tokens_max)),
            None => (Vec::new(), (None, None)),
        };
        periods.retain(|period| period.stated.effective_from < first_day);
        periods.extend(model.prices().iter().map(|stated| Period::new(source, &label, model, stated)));
        let name: Arc<str> = model.model().into();
        Self {
            key: if is_unknown_entry(&name) { MODEL_OTHER.into() } else { Arc::clone(&name) },
            model: name,
            input_tokens_max: model.input_tokens_max().or(ceilings.0),
            output_tokens_max: model.output_tokens_max().or(ceilings.1),
            periods,
        }
    }

    /// The model's name in the list.
    #[must_use]
    pub const fn model(&self) -> &Arc<str> {
        &self.model
    }

    /// Most tokens of a prompt, where known.
    #[must_use]
    pub const fn input_tokens_max(&self) -> Option<u64> {
        self.input_tokens_max
    }

    /// Most tokens of an answer, where known.
    #[must_use]
    pub const fn output_tokens_max(&self) -> Option<u64> {
        self.output_tokens_max
    }

    /// The prices, ascending by day; never empty.
    #[must_use]
    pub fn periods(&self) -> &[Period] {
        &self.periods
    }

    /// The prices of a day. A day before the first one has the first one's: a model is never free for being used early.
    #[must_use]
    pub fn on(&self, day: Day) -> &Period {
        let begun = self.periods.iter().rev().find(|period| period.stated.effective_from <= Some(day));
        begun.unwrap_or(&self.periods[0])
    }

    /// All of it as one document, whatever its sources, under the newest prices' provider.
    #[must_use]
    pub fn to_model_price(&self) -> ModelPrice {
        ModelPrice::of_valid(ModelPriceParts {
            model: self.model.to_string(),
            provider: self.periods[self.periods.len() - 1].provider,
            input_tokens_max: self.input_tokens_max,
            output_tokens_max: self.output_tokens_max,
            prices: self.periods.iter().map(|period| period.stated.clone()).collect(),
        })
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.periods.iter().map(|period| &*period.compiled.standard.of(0).text)
    }
}

impl Period {
    fn new(source: Source, label: &Arc<str>, model: &ModelPrice, stated: &PriceFrom) -> Self {
        let flag = if is_unknown_entry(model.model()) { "unknown-model:" } else { "" };
        let day = stated.effective_from.map_or_else(|| "always".to_owned(), |day| day.to_string());
        let name = format!("{flag}{label}/{}@{day}", model.model());
        Self {
            source,
            label: Arc::clone(label),
            provider: model.provider(),
            compiled: CompiledPrice::new(stated, model.provider(), &name),
            stated: stated.clone(),
        }
    }

    /// Where these prices come from.
    #[must_use]
    pub const fn source(&self) -> Source {
        self.source
    }

    /// What records call that source: `embedded-2026-11`, or `file-` and `api-` with a digest of the model's document.
    #[must_use]
    pub const fn label(&self) -> &Arc<str> {
        &self.label
    }

    /// By whose rules they are completed and multiplied.
    #[must_use]
    pub const fn provider(&self) -> Provider {
        self.provider
    }

    /// The prices as they are stated.
    #[must_use]
    pub const fn stated(&self) -> &PriceFrom {
        &self.stated
    }

    /// The rates of the service tier that served, with a factor where it has none of its own.
    fn rates(&self, traits: PriceTraits<'_>) -> (&Rates, Option<Factor>) {
        let Some(tier) = traits.service_tier.and_then(ServiceTier::parse) else {
            return (&self.compiled.standard, None);
        };
        if let Some(own) = self.compiled.service(tier) {
            return (own, None);
        }
        let factor = self.provider.service_factor(tier).map(|times| Factor { name: tier.as_str(), times });
        (&self.compiled.standard, factor)
    }
}

impl Source {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::File => "file",
            Self::Api => "api",
        }
    }

    fn label(self, model: &ModelPrice) -> Arc<str> {
        match self {
            Self::Embedded => figures::label().into(),
            Self::File | Self::Api => format!("{}-{}", self.as_str(), digest::short([model.to_json().as_str()])).into(),
        }
    }
}
