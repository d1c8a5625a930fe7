package builtin

import "github.com/heddlehq/heddle/workflows/value"

// merge puts values together: under their keys, or in an array when they have none. Several
// values under one key become an array of them.
func merge(in value.Value) (value.Value, error) {
	entries := in.Get("data_to_merge")
	keyed := 0
	count := map[string]int{}
	for i, e := range entries.Elements() {
		if !e.IsObject() {
			return value.Absent, badInput("entry %d must be an object {key, value}, not %s", i, kindOf(e))
		}
		if k := entryKey(e); k != "" {
			keyed++
			count[k]++
		}
	}
	if keyed == 0 {
		var list []value.Value
		for _, e := range entries.Elements() {
			list = append(list, e.Get("value"))
		}
		return value.Array(list...), nil
	}
	if keyed != entries.Len() {
		return value.Absent, badInput("either all entries have a key, or none has; %d of %d have one", keyed, entries.Len())
	}
	var out value.Members
	lists := map[string][]value.Value{}
	for _, e := range entries.Elements() {
		k, v := entryKey(e), e.Get("value")
		if count[k] > 1 {
			lists[k] = append(lists[k], orNull(v))
			out.Set(k, value.Null) // keeps the place of the first
			continue
		}
		out.Set(k, v)
	}
	merged := out.Value()
	for k, list := range lists {
		merged = merged.With(k, value.Array(list...))
	}
	return merged, nil
}

func entryKey(e value.Value) string { return text(e.Get("key")) }

// deepMerge merges the objects among the values; the others are passed over.
func deepMerge(in value.Value) (value.Value, error) {
	out := value.Object()
	for i, e := range in.Get("data_to_merge").Elements() {
		if !e.IsObject() {
			return value.Absent, badInput("entry %d must be an object {key, value}, not %s", i, kindOf(e))
		}
		if v := e.Get("value"); v.IsObject() {
			out = mergeInto(out, v)
		}
	}
	return out, nil
}

// mergeInto merges objects member by member and puts arrays one after the other; of
// everything else the latter counts.
func mergeInto(a, b value.Value) value.Value {
	switch {
	case a.IsObject() && b.IsObject():
		var out value.Members
		for k, m := range a.Members() {
			out.Set(k, m)
		}
		for k, m := range b.Members() {
			if old := a.Get(k); !old.IsAbsent() {
				m = mergeInto(old, m)
			}
			out.Set(k, m)
		}
		return out.Value()
	case a.IsArray() && b.IsArray():
		return a.Append(b.Slice()...)
	}
	return b
}

func orNull(v value.Value) value.Value {
	if v.IsAbsent() {
		return value.Null
	}
	return v
}
