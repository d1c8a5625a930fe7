package workflows

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/heddlehq/heddle/workflows/value"
)

// serverFields are the members of a workflow document that belong to the server that stores
// it and mean nothing elsewhere.
var serverFields = []string{"_id", "encodingVersion", "errors", "namespace", "warnings"}

// Export gives the document for another server: as it was read, without what belongs to this
// one. Left-over transitions and unknown members are kept.
func (w *Workflow) Export() value.Value { return w.Doc.Without(serverFields...) }

// Normalise gives the document as it is stored: with every task a key of the transitions,
// and with computed schemas where it supplies none. The catalog may be nil.
func (w *Workflow) Normalise(c Catalog) value.Value {
	doc := w.Doc
	if !doc.IsObject() {
		return doc
	}
	transitions := doc.Get("transitions")
	for i := range w.Tasks {
		if !transitions.Has(w.Tasks[i].ID) {
			transitions = transitions.With(w.Tasks[i].ID, value.Object())
		}
	}
	doc = doc.With("transitions", transitions)
	if w.InputSchema.IsAbsent() || w.OutputSchema.IsAbsent() {
		in, out := ComputeSchemas(w, c)
		if w.InputSchema.IsAbsent() {
			doc = doc.With("inputSchema", in)
		}
		if w.OutputSchema.IsAbsent() {
			doc = doc.With("outputSchema", out)
		}
	}
	return doc
}

// idleFields are the members of a workflow and of its tasks that change nothing in a run:
// what the canvas draws and what history says.
var (
	idleFields = []string{
		"canvasVersion", "created", "createdBy", "createdVersion", "created_by", "font_size", "lastUpdated", "lastUpdatedBy",
		"lastUpdatedVersion", "last_updated", "last_updated_by", "migrationVersion", "scenarios", sequenceKey, "tags",
	}
	idleTaskFields = []string{"canvasName", "deprecated", "displayName", "group", "matched", "nodeLocation", "nodelocation", "task_name", "x", "y"}
)

// Revision is a hash of what a run depends on, in hexadecimal. Documents that differ only in
// the order of members, in places on the canvas or in stamps have the same one.
func (w *Workflow) Revision() string {
	doc := w.Export().Without(idleFields...)
	var tasks value.Members
	for id, t := range doc.Get("tasks").Members() {
		tasks.Set(id, t.Without(idleTaskFields...))
	}
	if doc.Get("tasks").IsObject() {
		doc = doc.With("tasks", tasks.Value())
	}
	if len(w.Leftover) > 0 {
		doc = doc.With("transitions", doc.Get("transitions").Without(w.Leftover...))
	}
	sum := sha256.Sum256(canonical(nil, doc))
	return hex.EncodeToString(sum[:])
}

// canonical appends v with sorted keys and numbers by value.
func canonical(dst []byte, v value.Value) []byte {
	switch v.Kind() {
	case value.KindNumber:
		if i, ok := v.Int(); ok {
			return value.Int(i).AppendJSON(dst)
		}
		return value.Number(v.Float()).AppendJSON(dst)
	case value.KindArray:
		dst = append(dst, '[')
		for i, e := range v.Elements() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = canonical(dst, e)
		}
		return append(dst, ']')
	case value.KindObject:
		members := maps.Collect(v.Members())
		dst = append(dst, '{')
		for i, k := range slices.Sorted(maps.Keys(members)) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = value.AppendString(dst, k)
			dst = append(dst, ':')
			dst = canonical(dst, members[k])
		}
		return append(dst, '}')
	}
	return v.AppendJSON(dst)
}
