// Package sqlitestore keeps documents in one SQLite file: the store of a
// Heddle that runs on one machine. It needs no C compiler.
//
// One goroutine commits. It takes all the batches that wait, looks at their
// guards, and makes what holds durable with one record and one sync of a
// journal; from then on it is visible from memory, the memtable. Another
// goroutine flushes the memtable into SQLite's tables, where lists are
// searched; they wait for it where it concerns them. Opening the store
// applies what a crash left in the journal.
package sqlitestore
