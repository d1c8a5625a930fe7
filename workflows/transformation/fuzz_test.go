package transformation_test

import (
	"errors"
	"os"
	"testing"

	"github.com/heddlehq/heddle/workflows/transformation"
	"github.com/heddlehq/heddle/workflows/value"
)

func FuzzRun(f *testing.F) {
	f.Add([]byte(unit("", "a", "o", method(1, "Array", "reduce", `null,"f",[],2`), "incoming a /x -> method 1 /args/0/value", "method 1 /return -> outgoing o /y/0",
		unit("f", "acc v k!", "r", method(1, "Array", "push", "null,null"), "incoming acc -> method 1 /args/0/value", "incoming v -> method 1 /args/1/value", "method 1 /return -> outgoing r"))),
		[]byte(`{"a":{"x":[1,"2",null]}}`))
	f.Add([]byte(unit("", "a", "o", `{"id":1,"type":"context","library":"Conditional","method":"switch","args":[null],"return":["x"]}`, "incoming a -> context 1 /args/0/value",
		`{"id":2,"type":"template","template":"${x}","args":[null],"context":"#/1[1]"}`, "incoming a -> template 2 /args/0/value", "template 2 /return -> outgoing o @ #/1[1]")),
		[]byte(`{"a":"x"}`))
	if os.Getenv("HEDDLE_CORPUS") != "" {
		for _, docs := range corpus(f) {
			for _, doc := range docs {
				var in value.Members
				for _, s := range doc.Get("incoming").Elements() {
					in.Set(s.Get("$id").Text(), sample(s, 1, 0))
				}
				f.Add(doc.AppendJSON(nil), in.Value().AppendJSON(nil))
			}
		}
	}
	f.Fuzz(func(t *testing.T, docText, inText []byte) {
		doc, err := value.ParseLast(docText)
		if err != nil {
			return
		}
		in, err := value.ParseLast(inText)
		if err != nil {
			return
		}
		tr, err := transformation.Parse(doc)
		if err != nil {
			if _, ok := errors.AsType[transformation.Problems](err); !ok {
				t.Fatalf("Parse gave %T: %v", err, err)
			}
			return
		}
		o := transformation.Options{ValidateIncoming: len(docText)%2 == 0, RevertToDefaultValue: true, Limits: transformation.Limits{Steps: 20_000, Size: 4 << 20}}
		out, err := tr.Run(in, o)
		if err != nil {
			if _, ok := errors.AsType[*transformation.Error](err); !ok {
				t.Fatalf("Run gave %T: %v", err, err)
			}
			return
		}
		if _, err := value.Parse(out.AppendJSON(nil)); err != nil {
			t.Fatalf("the result is no JSON: %v", err)
		}
	})
}
