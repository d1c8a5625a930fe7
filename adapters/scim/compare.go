package scim

import (
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// attribute finds an attribute of a resource; their names do not differ by case.
func attribute(v value.Value, name string) value.Value {
	if found := v.Get(name); !found.IsAbsent() {
		return found
	}
	for key, m := range v.Members() {
		if strings.EqualFold(key, name) {
			return m
		}
	}
	return value.Absent
}

// holds tells whether a resource has what is wanted. What is not named may be anything; lists
// are sets, and nothing is the same as not there, an empty text or an empty list.
func holds(present, wanted value.Value) bool {
	switch {
	case empty(wanted):
		return empty(present)
	case wanted.IsObject():
		if !present.IsObject() {
			return false
		}
		for name, w := range wanted.Members() {
			if !holds(attribute(present, name), w) {
				return false
			}
		}
		return true
	case wanted.IsArray():
		return sameSet(present, wanted)
	}
	return value.Equal(present, wanted)
}

func empty(v value.Value) bool {
	return v.IsNothing() || v.IsString() && v.Text() == "" || (v.IsArray() || v.IsObject()) && v.Len() == 0
}

// sameSet tells whether two lists hold the same elements in any order, as far as is wanted of each.
func sameSet(present, wanted value.Value) bool {
	if !present.IsArray() || present.Len() != wanted.Len() {
		return false
	}
	byValue := map[string]bool{} // the common case: elements that are told apart by their value
	for _, p := range present.Elements() {
		if id := p.Get("value").Text(); id != "" {
			byValue[id] = true
		}
	}
	if len(byValue) == present.Len() && onlyValues(wanted) {
		for _, w := range wanted.Elements() {
			if id := w.Get("value").Text(); !byValue[id] {
				return false
			} else {
				delete(byValue, id)
			}
		}
		return true
	}
	free := present.Slice()
	for _, w := range wanted.Elements() {
		at := -1
		for i, p := range free {
			if holds(p, w) {
				at = i
				break
			}
		}
		if at < 0 {
			return false
		}
		free = append(free[:at:at], free[at+1:]...)
	}
	return true
}

// onlyValues tells whether the elements of a list have a value each and nothing else.
func onlyValues(list value.Value) bool {
	for _, e := range list.Elements() {
		if e.Len() != 1 || e.Get("value").Text() == "" {
			return false
		}
	}
	return true
}
