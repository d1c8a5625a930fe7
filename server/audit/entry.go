package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/heddlehq/heddle/workflows/value"
)

// Entry tells of one act.
type Entry struct {
	Who     Who
	From    string // the remote address
	Action  string // what was done: the operation of the API, such as "startJob" or "login"
	Target  Target // what it was done to
	Outcome string // what became of it: a status code, or a word such as "denied"
	Reason  string // why, in the words of whoever did or refused it

	// Before and After sum up what the act changed; either may be Absent.
	Before, After value.Value
}

// Who is the account that acted. An act of nobody known has no ID; its Name is what the caller
// claimed.
type Who struct{ ID, Name string }

// Target names the object of an act. The zero Target stands for the server itself.
type Target struct{ Kind, ID string }

// String writes the target as entries are found by it: kind, slash, identifier.
func (t Target) String() string {
	if t.ID == "" {
		return t.Kind
	}
	return t.Kind + "/" + t.ID
}

// Bounds on an entry, in bytes. What exceeds them never keeps an act out of the log: a text is
// cut and ends in an ellipsis; a summary is replaced by its size and its SHA-256.
const (
	MaxText    = 1 << 10
	MaxSummary = 16 << 10
)

// Link is an entry as it stands in the chain.
type Link struct {
	Entry
	Seq        int64
	At         time.Time
	Prev, Hash string // hex; Prev of the first link is [Origin]
}

// Origin is what the first link names as the hash before it.
var Origin = strings.Repeat("0", hex.EncodedLen(sha256.Size))

// Anchor is a place in the chain: all links up to Seq follow from its Hash.
type Anchor struct {
	Seq  int64
	Hash string
}

// key is the identifier of the link with that number. Their order is the chain's.
func key(seq int64) string { return fmt.Sprintf("%016d", seq) }

// document writes what of an entry does not depend on its place. The token tells it from an
// equal one of another server.
func (e *Entry) document(at time.Time) value.Value {
	var m value.Members
	text := func(name, s string) {
		if s != "" {
			m.Set(name, value.String(clip(s)))
		}
	}
	text("account", e.Who.ID)
	text("action", e.Action)
	m.Set("after", summary(e.After))
	m.Set("at", value.Time(at))
	m.Set("before", summary(e.Before))
	text("from", e.From)
	text("outcome", e.Outcome)
	text("reason", e.Reason)
	text("target", e.Target.String())
	text("token", rand.Text())
	text("who", e.Who.Name)
	return m.Value()
}

func clip(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= MaxText {
		return s
	}
	end := MaxText - len("…")
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

func summary(v value.Value) value.Value {
	v = sorted(v)
	text := v.AppendJSON(nil)
	if len(text) <= MaxSummary {
		return v
	}
	sum := sha256.Sum256(text)
	return value.Object("bytes", value.Int(int64(len(text))), "sha256", value.String(hex.EncodeToString(sum[:])))
}

// sorted is v with the members of every object in the order of their names.
func sorted(v value.Value) value.Value {
	switch {
	case v.IsObject():
		var m value.Members
		for _, name := range slices.Sorted(slices.Values(v.Keys())) {
			m.Set(name, sorted(v.Get(name)))
		}
		return m.Value()
	case v.IsArray():
		out := v.Slice()
		for i := range out {
			out[i] = sorted(out[i])
		}
		return value.Array(out...)
	}
	return v
}

// sum is the hash of a link's document.
func sum(doc value.Value) string {
	h := sha256.Sum256(sorted(doc.Without("hash")).AppendJSON(nil))
	return hex.EncodeToString(h[:])
}

// linked is an entry's document behind a place in the chain, and its own place.
func linked(doc value.Value, behind Anchor) (value.Value, Anchor) {
	at := Anchor{Seq: behind.Seq + 1}
	doc = doc.With("_id", value.String(key(at.Seq))).With("seq", value.Int(at.Seq)).With("prev", value.String(behind.Hash))
	at.Hash = sum(doc)
	return sorted(doc.With("hash", value.String(at.Hash))), at
}

// decode reads a link's document.
func decode(doc value.Value) (Link, error) {
	text := func(name string) string { return doc.Get(name).Text() }
	seq, whole := doc.Get("seq").Int()
	at, err := time.Parse(value.TimeLayout, text("at"))
	switch {
	case !whole:
		return Link{}, fmt.Errorf("its member %q is not a number", "seq")
	case err != nil:
		return Link{}, fmt.Errorf("its member %q is not a time", "at")
	}
	kind, id, _ := strings.Cut(text("target"), "/")
	return Link{
		Entry: Entry{
			Who: Who{ID: text("account"), Name: text("who")}, From: text("from"), Action: text("action"), Target: Target{Kind: kind, ID: id},
			Outcome: text("outcome"), Reason: text("reason"), Before: doc.Get("before"), After: doc.Get("after"),
		},
		Seq: seq, At: at, Prev: text("prev"), Hash: text("hash"),
	}, nil
}
