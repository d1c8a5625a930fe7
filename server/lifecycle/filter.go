package lifecycle

import (
	"fmt"

	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/workflows/value"
)

// encodeFilter writes a filter as JSON: {"and": [...]}, {"or": [...]}, {"not": ...} or
// {"field", "op", "value"}.
func encodeFilter(f store.Filter) value.Value {
	all := func(key string, fs []store.Filter) value.Value {
		out := make([]value.Value, len(fs))
		for i, f := range fs {
			out[i] = encodeFilter(f)
		}
		return value.Object(key, value.Array(out...))
	}
	switch f := f.(type) {
	case store.And:
		return all("and", f)
	case store.Or:
		return all("or", f)
	case store.Not:
		return value.Object("not", encodeFilter(f.Filter))
	case store.Compare:
		return value.Object("field", value.String(f.Field), "op", value.String(string(f.Op)), "value", value.Of(f.Value))
	}
	return value.Object("and", value.Array())
}

func decodeFilter(v value.Value) (store.Filter, error) {
	all := func(list value.Value) ([]store.Filter, error) {
		var out []store.Filter
		for _, e := range list.Elements() {
			f, err := decodeFilter(e)
			if err != nil {
				return nil, err
			}
			out = append(out, f)
		}
		return out, nil
	}
	switch {
	case v.Has("and"):
		fs, err := all(v.Get("and"))
		return store.And(fs), err
	case v.Has("or"):
		fs, err := all(v.Get("or"))
		return store.Or(fs), err
	case v.Has("not"):
		f, err := decodeFilter(v.Get("not"))
		return store.Not{Filter: f}, err
	case v.Get("field").IsString():
		return store.Where(v.Get("field").Text(), store.Op(v.Get("op").Text()), plain(v.Get("value"))), nil
	}
	return nil, fmt.Errorf("stored filter %s: %w", v, store.ErrCorrupt)
}

// plain gives a value as filters hold it.
func plain(v value.Value) any {
	switch {
	case v.IsString():
		return v.Text()
	case v.IsBool():
		return v.Truth()
	case v.IsNumber():
		if n, ok := v.Int(); ok {
			return n
		}
		return v.Float()
	case v.IsArray():
		out := make([]any, v.Len())
		for i, e := range v.Elements() {
			out[i] = plain(e)
		}
		return out
	}
	return nil
}
