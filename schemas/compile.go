package schemas

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/heddlehq/heddle/workflows/value"
)

// Schema is a compiled JSON Schema. It is safe for use by many goroutines.
type Schema struct {
	doc      value.Value // what was compiled
	origin   []string    // where the i-th extracted definition stood in the source
	compiled *jsonschema.Schema
}

// Compile reads a user's JSON Schema: an object or a boolean of draft 4 to 2020-12. Members
// that no draft allows, such as "required": true, an unknown type or an empty enum, are read
// by their intent or left out; identifiers serve only references inside the document. The
// error names the place of what cannot be used: a pattern beyond RE2, or a reference that
// leads out of the document. Compiled schemas are cached.
func Compile(schema value.Value) (*Schema, error) {
	key := sha256.Sum256(schema.AppendJSON(nil))
	if s, ok := recent.get(key); ok {
		return s, nil
	}
	s, err := compile(schema, nil)
	if err != nil {
		return nil, err
	}
	recent.put(key, s)
	return s, nil
}

func compile(source value.Value, load func(name string) (value.Value, error)) (*Schema, error) {
	if !source.IsObject() && !source.IsBool() {
		return nil, fmt.Errorf("a JSON Schema must be an object or a boolean, not %s", source.Kind())
	}
	r := newReader(source, load)
	doc, err := r.read()
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat = true
	c.LoadURL = func(url string) (io.ReadCloser, error) {
		return nil, fmt.Errorf("schema %q is outside of the document", url)
	}
	const url = "heddle:///schema"
	if err := c.AddResource(url, strings.NewReader(doc.String())); err != nil {
		return nil, fmt.Errorf("the JSON Schema cannot be used: %w", err)
	}
	compiled, err := c.Compile(url)
	if err != nil {
		if cause := errors.Unwrap(err); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("the JSON Schema cannot be used: %w", err)
	}
	return &Schema{doc: doc, origin: r.origin, compiled: compiled}, nil
}

// plain converts a value to what the validator takes: numbers as their literals.
func plain(v value.Value) any {
	switch v.Kind() {
	case value.KindNumber:
		text := v.String()
		if strings.ContainsAny(text, "eE") {
			text = value.FormatNumber(v.Float())
		}
		if text == "null" {
			return nil
		}
		return json.Number(text)
	case value.KindArray:
		out := make([]any, v.Len())
		for i, e := range v.Elements() {
			out[i] = plain(e)
		}
		return out
	case value.KindObject:
		out := make(map[string]any, v.Len())
		for k, m := range v.Members() {
			out[k] = plain(m)
		}
		return out
	}
	return v.Any()
}

// cache keeps the schemas compiled last; the oldest goes first.
type cache struct {
	mu    sync.Mutex
	byKey map[[sha256.Size]byte]*Schema
	order [][sha256.Size]byte
	next  int
}

const cacheSize = 512

var recent = &cache{byKey: make(map[[sha256.Size]byte]*Schema)}

func (c *cache) get(key [sha256.Size]byte) (*Schema, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.byKey[key]
	return s, ok
}

func (c *cache) put(key [sha256.Size]byte, s *Schema) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byKey[key]; ok {
		return
	}
	if len(c.order) < cacheSize {
		c.order = append(c.order, key)
	} else {
		delete(c.byKey, c.order[c.next])
		c.order[c.next] = key
		c.next = (c.next + 1) % cacheSize
	}
	c.byKey[key] = s
}
