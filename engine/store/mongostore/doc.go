// Package mongostore keeps documents in a MongoDB replica set: the store that
// many Heddle servers share.
//
// Each collection of the port is a collection of the database. A document has
// its identifier, its revision, its body as the bytes the port was given, and
// a member for each declared field that has a value; a field that is missing
// is absent.
//
// Writes are durable on a majority of the members before they are
// acknowledged, decisions are read from the primary. A batch of one write is
// one command. Other batches are written in a transaction; those that wait at
// the same moment share one, so the price of a majority commit is shared.
// Settings that would break these promises are refused by [Open].
package mongostore
