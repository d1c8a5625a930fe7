package sqlitestore

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// A record of the journal holds writes as they were decided, so that reading them back needs no
// guard: collection, what its fields were then, identifier, the new revision, body, index values.
// A revision of 0 stands for a deletion. Texts and bodies are preceded by their length.

func appendWrite(b []byte, t *table, id string, e entry) []byte {
	b = appendText(b, t.Name)
	b = binary.LittleEndian.AppendUint64(b, t.layout)
	b = appendText(b, id)
	b = binary.AppendUvarint(b, uint64(e.revision))
	if e.revision == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(len(e.index)))
	for _, v := range e.index {
		b = appendIndex(b, v)
	}
	b = binary.AppendUvarint(b, uint64(len(e.body)))
	return append(b, e.body...)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendIndex(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return appendText(append(b, 's'), v)
	case int64:
		return binary.AppendVarint(append(b, 'i'), v)
	case float64:
		return binary.LittleEndian.AppendUint64(append(b, 'f'), math.Float64bits(v))
	case bool:
		if v {
			return append(b, 't')
		}
		return append(b, 'n')
	case []string:
		b = binary.AppendUvarint(append(b, 'l'), uint64(len(v)))
		for _, s := range v {
			b = appendText(b, s)
		}
		return b
	}
	return append(b, 0)
}

// layoutOf digests the fields of a collection in their order.
func layoutOf(c *store.Collection) uint64 {
	h := fnv.New64a()
	for _, f := range c.Fields {
		fmt.Fprintf(h, "%q %d ", f.Name, f.Type)
	}
	return h.Sum64()
}

// record reads what appendWrite wrote. Whoever uses it looks at bad in the end.
type record struct {
	rest []byte
	bad  bool
}

func (r *record) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *record) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *record) fixed() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (r *record) text() string { return string(r.bytes(r.number())) }

func (r *record) index() any {
	kind := r.bytes(1)
	if kind == nil {
		return nil
	}
	switch kind[0] {
	case 's':
		return r.text()
	case 'i':
		n, size := binary.Varint(r.rest)
		if size <= 0 {
			r.bad = true
			return nil
		}
		r.rest = r.rest[size:]
		return n
	case 'f':
		return math.Float64frombits(r.fixed())
	case 't', 'n':
		return kind[0] == 't'
	case 'l':
		var set []string
		for n := r.number(); n > 0 && !r.bad; n-- {
			set = append(set, r.text())
		}
		return set
	}
	return nil
}

// replay puts the writes of record number into the memtable. Where the fields of a collection
// have changed since, their values are read from the body.
func (s *Store) replay(number uint64, payload []byte) error {
	r := record{rest: payload}
	var writes []put
	for len(r.rest) > 0 {
		name, layout, id := r.text(), r.fixed(), r.text()
		p := put{entry: entry{revision: int64(r.number())}}
		if p.revision > 0 {
			for n := r.number(); n > 0 && !r.bad; n-- {
				p.index = append(p.index, r.index())
			}
			p.body = r.bytes(r.number())
		}
		if r.bad {
			return fmt.Errorf("%w: %w: record %d says something else than writes", store.ErrCorrupt, errDamaged, number)
		}
		t := s.tables[name]
		if t == nil {
			return fmt.Errorf("the journal has writes to %q, which this version does not know: start the newer version once more and stop it", name)
		}
		if p.revision > 0 && (layout != t.layout || len(p.index) != len(t.Fields)) {
			doc, _ := value.ParseLast(p.body) // absent when it does not parse
			p.index = t.IndexOf(doc)
		}
		p.key = key{t, id}
		writes = append(writes, p)
	}
	s.mem.add(number, len(payload), writes)
	return nil
}
