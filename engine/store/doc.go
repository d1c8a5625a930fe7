// Package store is the port to what Heddle remembers: jobs, task runs,
// workflows and everything else that must survive a crash.
//
// A document is opaque canonical JSON under an identifier and a revision. The
// fields that lists filter, sort and group by travel beside it as typed index
// values, declared by its [Collection]; a driver keeps them where its engine
// can search them and never looks inside a body.
//
// Writes are compare-and-set on the revision and come in batches that are
// stored whole or not at all. [Store.Commit] takes many batches at once, so
// that unrelated jobs share the price of one durable commit.
//
// # Filters
//
// A field a document lacks is missing: it compares to nothing, so every
// operator is false for it except [Ne] and [NotIn], which are the exact
// complements of [Eq] and [In], and [Exists] with false. [Not] is the
// complement of whatever it holds. Missing sorts before every value. An empty
// set counts as missing.
//
// Text compares by its bytes. Contains ignores case in every script that has
// one; all other operators respect it. No character of a value is special.
//
// Every driver obeys the same suite, package storetest, so these rules hold
// for each of them.
package store
