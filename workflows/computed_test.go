package workflows

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/workflows/value"
)

func TestComputeSchemas(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		doc     value.Value
		in, out string // properties
	}{
		"agreed type":         {document(tasks{"a": {"arrayLength", `arr="$var.job.l"`}}, "S>a a>E"), `{"l":{"type":"array"}}`, `{"l":{"type":"array"}}`},
		"any type":            {document(tasks{"a": {"stub", `response="$var.job.r"`}}, "S>a a>E"), `{"r":ANY}`, `{"r":ANY}`},
		"bound output":        {document(tasks{"a": {"getTime", `/variables/outgoing/time="$var.job.now"`}, "b": {"stub", `response="$var.job.now"`}}, "S>a a>b b>E"), `{}`, `{"now":{"type":"string"}}`},
		"built-ins":           {document(tasks{"a": {"stub", `response="$var.job._id"`, `delay="$var.job.initiator"`}}, "S>a a>E"), `{}`, `{}`},
		"child variables":     {document(tasks{"a": {"childJob", `variables={"v":{"task":"job","value":"w"},"s":{"task":"static","value":1}}`}}, "S>a a>E"), `{"w":ANY}`, `{"w":ANY}`},
		"disagreeing types":   {document(tasks{"a": {"arrayLength", `arr="$var.job.l"`}, "b": {"query", `pass_on_null="$var.job.l"`}}, "S>a a>b b>E"), `{"l":ANY}`, `{"l":ANY}`},
		"error variable":      {document(tasks{"a": {"adapter", `/variables/error="$var.job.e"`}, "b": {"view", `body="$var.job.e"`, `btn_failure=""`}}, "S>a a>E a-e>b b>E"), `{}`, `{"e":ANY}`},
		"part of a variable":  {document(tasks{"a": {"arrayLength", `arr="$var.job.l#/x"`}}, "S>a a>E"), `{"l":ANY}`, `{"l":ANY}`},
		"pushed before it is": {document(tasks{"a": {"push", `job_variable="p"`}}, "S>a a>E"), `{"p":ANY}`, `{"p":ANY}`},
		"read before write":   {document(tasks{"a": {"stub", `response="$var.job.x"`}, "b": {"newVariable"}}, "S>a a>b b>E"), `{"x":ANY}`, `{"x":ANY}`},
		"read in a body":      {document(tasks{"a": {"forEach", `data_array="$var.job.l"`, `/variables/outgoing/current_item="$var.job.i"`}, "b": {"stub", `response="$var.job.i"`}}, "S>a a-l>b a>E"), `{"l":ANY}`, `{"i":ANY,"l":ANY}`},
		"unreached reader":    {document(tasks{"a": {"stub"}, "b": {"stub", `response="$var.job.x"`}}, "S>a a>E"), `{}`, `{}`},
		"write on a branch":   {document(tasks{"a": {"evaluation", `evaluation_groups=[]`}, "b": {"newVariable"}, "c": {"stub", `response="$var.job.x"`}}, "S>a a>b a-f>c b>c c>E"), `{}`, `{"x":ANY}`},
		"with a cycle":        {document(tasks{"a": {"stub", `response="$var.job.x"`}, "b": {"newVariable", `value="$var.job.y"`}}, "S>a a>b b>a b>E"), `{"y":ANY}`, `{"x":ANY,"y":ANY}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := Parse(tc.doc)
			in, out := ComputeSchemas(w, testCatalog)
			if got, want := in.Get("properties"), expand(tc.in); !value.Equal(got, want) {
				t.Errorf("inputs (-want +got):\n%s", cmp.Diff(want.String(), got.String()))
			}
			if !slices.Equal(in.Get("properties").Keys(), texts(in.Get("required"))) {
				t.Errorf("required %s of %s", in.Get("required"), in.Get("properties"))
			}
			if got, want := out.Get("properties").Without("_id", "initiator"), expand(tc.out); !value.Equal(got, want) {
				t.Errorf("outputs (-want +got):\n%s", cmp.Diff(want.String(), got.String()))
			}
			if !out.Get("properties").Has("_id") || !out.Get("properties").Has("initiator") {
				t.Errorf("outputs %s lack a built-in", out.Get("properties"))
			}
		})
	}
}

// expand reads properties in which ANY stands for a value of any type.
func expand(properties string) value.Value {
	var out value.Members
	text := []byte(properties)
	for i := 0; i < len(text); i++ {
		if text[i] == 'A' {
			text = slices.Replace(text, i, i+3, []byte(anyType.String())...)
			i += len(anyType.String())
		}
	}
	for k, v := range value.MustParse(string(text)).Members() {
		out.Set(k, v)
	}
	return out.Value()
}

func texts(v value.Value) []string {
	var out []string
	for _, e := range v.Elements() {
		out = append(out, e.Text())
	}
	return out
}

// The published workflows carry the schemas that another implementation computed for them.
func TestComputeSchemas_corpus(t *testing.T) {
	t.Parallel()
	docs := corpusWorkflows(t)
	inputs, outputs := 0, 0
	for name, doc := range docs {
		w, _ := Parse(doc)
		in, out := ComputeSchemas(w, nil)
		same := func(got, want value.Value) bool {
			return slices.Equal(names(got), names(want))
		}
		if same(in, w.InputSchema) {
			inputs++
		} else {
			t.Logf("%s: inputs %v, document %v", name, names(in), names(w.InputSchema))
		}
		if same(out, w.OutputSchema) {
			outputs++
		} else {
			t.Logf("%s: outputs %v, document %v", name, names(out), names(w.OutputSchema))
		}
	}
	t.Logf("of %d workflows, the inputs of %d and the outputs of %d agree", len(docs), inputs, outputs)
	if n := len(docs); inputs*100 < n*98 || outputs*100 < n*98 {
		t.Errorf("inputs agree in %d and outputs in %d of %d workflows", inputs, outputs, n)
	}
}

// names are the properties of a schema without the built-in variables, sorted.
func names(schema value.Value) []string {
	out := slices.DeleteFunc(slices.Clone(schema.Get("properties").Keys()), IsBuiltIn)
	slices.Sort(out)
	return out
}
