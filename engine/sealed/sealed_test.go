package sealed_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine/sealed"
	"github.com/heddlehq/heddle/workflows/value"
)

// reversing is a box for tests: it turns texts around and notes their place.
type reversing struct{}

func (reversing) Seal(_ context.Context, place string, text []byte) (string, error) {
	out := bytes.Clone(text)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return place + ":" + string(out), nil
}

func (r reversing) Open(ctx context.Context, place, text string) ([]byte, error) {
	rest, ok := strings.CutPrefix(text, place+":")
	if !ok {
		return nil, errors.New("another place")
	}
	out, err := r.Seal(ctx, "", []byte(rest))
	return []byte(out[1:]), err
}

func TestSealed(t *testing.T) {
	t.Parallel()
	ctx, box := t.Context(), reversing{}
	for _, text := range []string{`"secret"`, `17.5`, `{"a":[1,{"b":null}]}`, `[]`, `true`} {
		v := value.MustParse(text)
		s, err := sealed.Seal(ctx, box, "p", v)
		if err != nil || !sealed.Holds(s) || strings.Contains(s.String(), "secret") {
			t.Fatalf("%s sealed is %s, %v", text, s, err)
		}
		again, err := sealed.Seal(ctx, box, "p", s)
		if err != nil || !value.Equal(again, s) {
			t.Errorf("sealed twice: %s, %v", again, err)
		}
		whole := value.Object("x", value.Array(value.Int(1), s), "y", value.String("z"))
		parsed := value.MustParse(whole.String())
		for _, w := range []value.Value{whole, parsed} {
			if !sealed.Holds(w) {
				t.Errorf("%s holds nothing", w)
			}
			if got := sealed.Masked(w).String(); got != `{"x":[1,"********"],"y":"z"}` {
				t.Errorf("masked: %s", got)
			}
			if got, err := sealed.Open(ctx, box, "p", w); err != nil || !value.Equal(got.Get("x").At(1), v) {
				t.Errorf("opened: %s, %v", got, err)
			}
		}
		if _, err := sealed.Open(ctx, box, "q", whole); err == nil {
			t.Error("opened in another place")
		}
	}
	for _, text := range []string{`null`, `7`, `{"sealed":"x"}`, `["$sealed"]`, `{"a":{"b":"$sealed"}}`, `{"$sealed":"x","more":1}`} {
		v := value.MustParse(text)
		if _, is := sealed.Text(v); is {
			t.Errorf("%s is sealed", text)
		}
		if got := sealed.Masked(v); !value.Equal(got, v) {
			t.Errorf("%s masked is %s", text, got)
		}
	}
	for _, nothing := range []value.Value{value.Null, value.Absent} {
		if got, err := sealed.Seal(ctx, box, "p", nothing); err != nil || sealed.Holds(got) {
			t.Errorf("nothing sealed is %s, %v", got, err)
		}
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	ctx, box := t.Context(), reversing{}
	s, err := sealed.Seal(ctx, box, "p", value.MustParse(`{"user":"ada","password":"swordfish","pin":123456,"no":"ab"}`))
	if err != nil {
		t.Fatal(err)
	}
	_, secrets, err := sealed.OpenSecrets(ctx, box, "p", value.Object("login", s))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`"Bearer swordfish!"`:             `"Bearer ********!"`,
		`{"swordfish":1,"l":["x123456"]}`: `{"********":1,"l":["x********"]}`,
		`123456`:                          `"********"`,
		`"ab ada"`:                        `"ab ada"`,
		`{"a":1}`:                         `{"a":1}`,
	} {
		v := value.MustParse(text)
		if got := secrets.Hide(v).String(); got != want {
			t.Errorf("%s hidden is %s, want %s", text, got, want)
		}
		if got := secrets.In(v); got != (text != want) {
			t.Errorf("in %s: %t", text, got)
		}
	}
	out, err := secrets.Contain(ctx, box, "p", value.MustParse(`{"ok":true,"echo":{"h":"x swordfish"},"n":1}`))
	if err != nil || !sealed.Holds(out.Get("echo")) || !out.Get("ok").Truth() || strings.Contains(out.String(), "swordfish") {
		t.Errorf("contained: %s, %v", out, err)
	}
	if got, err := sealed.Open(ctx, box, "p", out); err != nil || got.Path("echo", "h").Text() != "x swordfish" {
		t.Errorf("opened again: %s, %v", got, err)
	}
}
