// Package sealed puts encrypted values in the place of those that must not be stored, sent or
// shown in clear, and takes them out again where work is done with them.
//
// A sealed value is an object with the one member "$sealed". It goes through the engine, the
// store and the bus like any other value. It is bound to its place, the family of jobs it
// belongs to: in another family it cannot be opened.
package sealed

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// member is the name of a sealed value's only member.
const member = "$sealed"

// Mask is what is shown in place of a sealed value.
const Mask = "********"

// Box seals and opens texts for a place; a *keyring.Keyring is one.
type Box interface {
	Seal(ctx context.Context, place string, text []byte) (string, error)
	Open(ctx context.Context, place, sealed string) ([]byte, error)
}

// Holds tells whether v is or holds a sealed value.
func Holds(v value.Value) bool { return v.HasKey(member) }

// Text returns the sealed text when v is a sealed value.
func Text(v value.Value) (text string, ok bool) {
	if v.Len() != 1 || !v.IsObject() {
		return "", false
	}
	t := v.Get(member)
	return t.Text(), t.IsString()
}

// Seal is v, sealed. What is sealed already, or nothing, stays as it is.
func Seal(ctx context.Context, b Box, place string, v value.Value) (value.Value, error) {
	if _, is := Text(v); is || v.IsNothing() {
		return v, nil
	}
	text, err := b.Seal(ctx, place, v.AppendJSON(nil))
	if err != nil {
		return value.Absent, err
	}
	return value.Object(member, value.String(text)), nil
}

// Open is v with every sealed value in it opened.
func Open(ctx context.Context, b Box, place string, v value.Value) (value.Value, error) {
	return Replace(v, func(text string) (value.Value, error) {
		clear, err := b.Open(ctx, place, text)
		if err != nil {
			return value.Absent, err
		}
		out, err := value.Parse(clear)
		if err != nil {
			return value.Absent, fmt.Errorf("an encrypted value is not JSON: %w", err)
		}
		return out, nil
	})
}

// Masked is v with the mask in place of every sealed value.
func Masked(v value.Value) value.Value {
	out, _ := Replace(v, func(string) (value.Value, error) { return value.String(Mask), nil }) // it has no error to give
	return out
}

// Replace is v with every sealed value in it replaced by what f makes of its text.
func Replace(v value.Value, f func(text string) (value.Value, error)) (value.Value, error) {
	if !Holds(v) {
		return v, nil
	}
	if text, is := Text(v); is {
		return f(text)
	}
	var errs []error
	out := v
	switch {
	case v.IsArray():
		list := v.Slice()
		for i := range list {
			e, err := Replace(list[i], f)
			list[i], errs = e, append(errs, err)
		}
		out = value.Array(list...)
	case v.IsObject():
		var m value.Members
		for key, e := range v.Members() {
			e, err := Replace(e, f)
			m.Set(key, e)
			errs = append(errs, err)
		}
		out = m.Value()
	}
	return out, errors.Join(errs...)
}

// Secrets are the clear texts of values that were opened: what must not appear elsewhere.
type Secrets []string

// minSecret is how long a text must be to be looked for: shorter ones are in everything.
const minSecret = 4

// add takes in the clear texts of an opened value.
func (s Secrets) add(v value.Value) Secrets {
	switch {
	case v.IsString():
		if len(v.Text()) >= minSecret {
			s = append(s, v.Text())
		}
	case v.IsNumber():
		if text := v.String(); len(text) >= minSecret {
			s = append(s, text)
		}
	case v.IsArray(), v.IsObject():
		for i := range v.Len() {
			s = s.add(v.At(i))
		}
	}
	return s
}

// OpenSecrets is [Open], and tells what the secrets in v were.
func OpenSecrets(ctx context.Context, b Box, place string, v value.Value) (value.Value, Secrets, error) {
	var found Secrets
	out, err := Replace(v, func(text string) (value.Value, error) {
		clear, err := Open(ctx, b, place, value.Object(member, value.String(text)))
		found = found.add(clear)
		return clear, err
	})
	return out, found, err
}

// In tells whether a secret appears in v.
func (s Secrets) In(v value.Value) bool {
	if len(s) == 0 {
		return false
	}
	switch {
	case v.IsString():
		return s.within(v.Text())
	case v.IsNumber():
		return s.within(v.String())
	case v.IsArray():
		for i := range v.Len() {
			if s.In(v.At(i)) {
				return true
			}
		}
	case v.IsObject():
		for key, e := range v.Members() {
			if s.within(key) || s.In(e) {
				return true
			}
		}
	}
	return false
}

func (s Secrets) within(text string) bool {
	for _, secret := range s {
		if strings.Contains(text, secret) {
			return true
		}
	}
	return false
}

// Hide is v with the mask in place of every secret in its texts.
func (s Secrets) Hide(v value.Value) value.Value {
	if !s.In(v) {
		return v
	}
	switch {
	case v.IsString():
		text := v.Text()
		for _, secret := range s {
			text = strings.ReplaceAll(text, secret, Mask)
		}
		return value.String(text)
	case v.IsArray():
		list := v.Slice()
		for i := range list {
			list[i] = s.Hide(list[i])
		}
		return value.Array(list...)
	case v.IsObject():
		var m value.Members
		for key, e := range v.Members() {
			for _, secret := range s {
				key = strings.ReplaceAll(key, secret, Mask)
			}
			m.Set(key, s.Hide(e))
		}
		return m.Value()
	}
	return value.String(Mask)
}

// Contain seals the members of an object in which a secret appears.
func (s Secrets) Contain(ctx context.Context, b Box, place string, v value.Value) (value.Value, error) {
	if !s.In(v) {
		return v, nil
	}
	if !v.IsObject() {
		return Seal(ctx, b, place, v)
	}
	var m value.Members
	for key, e := range v.Members() {
		if s.In(e) {
			var err error
			if e, err = Seal(ctx, b, place, e); err != nil {
				return value.Absent, err
			}
		}
		m.Set(key, e)
	}
	return m.Value(), nil
}
