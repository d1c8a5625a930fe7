package openapi_test

import (
	"os"
	"testing"

	"github.com/heddlehq/heddle/adapters/openapi"
	"github.com/heddlehq/heddle/schemas"
)

// Whatever is imported gives a kind whose schemas can be used, or an error.
func FuzzImport(f *testing.F) {
	for _, file := range []string{"testdata/inventory.yaml", "testdata/tickets.json"} {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"openapi":"3.1.0","info":{"title":"T","version":1},"paths":{"/a":{"get":{"parameters":[{"name":"x","in":"query","schema":{"$ref":"#/paths"}}]}}}}`))
	f.Add([]byte(`{"openapi":"3.0.0","info":{"title":"T","version":"1"},"paths":{"/{id}":{"get":{"parameters":[{"name":"id","in":"path"},{"name":"id","in":"path"},{"name":"id_query","in":"query"},
		{"name":"id","in":"query","required":true,"schema":{"type":"text","minLength":-1,"enum":[],"pattern":5,"required":true,"exclusiveMinimum":true,"items":7,"oneOf":5}}]}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		kind, problems := openapi.Import(data)
		if (kind == nil) != (problems.Err() != nil) {
			t.Fatalf("a kind: %t, but %v", kind != nil, problems.Err())
		}
		if kind == nil {
			return
		}
		for _, m := range kind.Manifest().Get("methods").Elements() {
			for _, side := range []string{"incoming", "outgoing"} {
				if _, err := schemas.Compile(m.Get(side)); err != nil {
					t.Errorf("%s of %s: %v", side, m.Get("name"), err)
				}
			}
		}
	})
}
