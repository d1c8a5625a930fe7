// Package sqlitestore keeps documents in one SQLite file: the store of a
// Heddle that runs on one machine. It needs no C compiler.
//
// One goroutine writes. It takes all the batches that wait, applies them in
// one transaction and makes them durable with one sync, so the more callers
// commit at once the less each pays. Readers work beside it on snapshots.
package sqlitestore
