// Package audit keeps the log of who did what: an append-only chain of entries in the store.
//
// Each entry is a document numbered without gaps. It names the hash of the entry before it
// and carries its own: the SHA-256, in hex, of its canonical JSON (compact, members sorted by
// name at every depth) without the member "hash". Whoever changes, removes, inserts or moves
// an entry breaks the chain at that place, which [Log.Verify] finds; an export is verified by
// [VerifyExport] without any store.
//
// Two things a chain cannot show by itself. When its last entries are cut off, what is left is
// a whole chain. And whoever can write to the store can compute a new chain from any place on.
// Against both, note [Log.Head] elsewhere from time to time, with another keeper, and give
// what was noted to Verify: a chain that does not hold those places is not the one they were
// taken from.
//
// Several servers may append to one store. The number of the next entry is the document's
// identifier and must be new, so of two servers one is first and the other takes the number
// after. The entries that callers of one server bring while another append is under way are
// stored together by the next one.
//
// The log belongs to no job, and nothing here deletes from it. Secrets must be taken out of an
// entry by whoever records it.
package audit
