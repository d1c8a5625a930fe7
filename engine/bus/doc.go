// Package bus is the engine's port to its message bus: a doorbell, not a memory.
//
// The store holds the truth. What travels here only says that something is due, so a
// message may come twice, late, out of order, or, when the broker loses its files, not at
// all; [Bus.Epoch] tells of the last case. Messages live in streams: queues, where a message
// leaves once a consumer acknowledges it, and the feed, which everybody may read and which
// forgets by age. Signals pass by whoever listens and are never kept.
//
// Subjects are the public contract with adapters in any language; see [EventSubject] and its
// neighbours for their shape and [Token] for the escaping of names. DESIGN.md says why.
package bus
