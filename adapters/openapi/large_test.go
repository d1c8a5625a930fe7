package openapi

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
)

// large is a document of many operations over schemas that hold each other.
func large(operations int) []byte {
	var paths, schemas value.Members
	ref := func(i int) value.Value {
		return value.Object("$ref", value.String(fmt.Sprintf("#/components/schemas/S%d", i%operations)))
	}
	content := func(i int) value.Value {
		return value.Object("content", value.Object("application/json", value.Object("schema", ref(i))))
	}
	for i := range operations {
		var properties value.Members
		for j := range 20 {
			properties.Set(fmt.Sprintf("p%d", j), value.Object("type", value.String("string"), "description", value.String(strings.Repeat("word ", 8))))
		}
		for j := range 10 {
			properties.Set(fmt.Sprintf("r%d", j), ref(i*7+j*j))
		}
		schemas.Set(fmt.Sprintf("S%d", i), value.Object("type", value.String("object"), "properties", properties.Value()))
		paths.Set(fmt.Sprintf("/things/%d/{id}", i), value.Object("put", value.Object(
			"parameters", value.Array(value.Object("name", value.String("id"), "in", value.String("path"), "schema", value.Object("type", value.String("string")))),
			"requestBody", content(i), "responses", value.Object("200", content(i+1)),
		)))
	}
	return value.Object("openapi", value.String("3.0.0"), "info", value.Object("title", value.String("Large"), "version", value.String("1")),
		"paths", paths.Value(), "components", value.Object("schemas", schemas.Value())).AppendJSON(nil)
}

// Documents of more than a megabyte come in fast (about 0.2 s a megabyte of JSON, 0.6 s of YAML;
// the bound leaves room for busy machines), every operation can be called, and no schema of the
// catalog is beyond its bound. HEDDLE_TEST_OPENAPI names a folder with more documents.
func TestImport_large(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it is long")
	}
	documents := map[string][]byte{"generated": large(500)}
	if folder := os.Getenv("HEDDLE_TEST_OPENAPI"); folder != "" {
		files, err := filepath.Glob(filepath.Join(folder, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			documents[filepath.Base(f)] = data
		}
	}
	if n := len(documents["generated"]); n < 1<<20 {
		t.Fatalf("the document has %d bytes only", n)
	}
	for name, data := range documents {
		began := time.Now()
		kind, problems := Import(data)
		took := time.Since(began)
		if kind == nil {
			t.Errorf("%s: %v", name, problems.Err())
			continue
		}
		perMegabyte := took * (1 << 20) / time.Duration(max(len(data), 1<<20))
		t.Logf("%s: %d bytes, %d methods in %v, %d warnings, manifest of %d bytes", name, len(data), len(kind.Methods), took, len(problems), len(kind.Manifest().String()))
		if perMegabyte > 10*time.Second {
			t.Errorf("%s: a megabyte takes %v", name, perMegabyte)
		}
		d := &document{names: map[string]bool{}, schemas: map[schemaKey]expanded{}}
		d.parse(data)
		d.readVersion()
		d.readSecurity()
		d.readOperations()
		for _, o := range d.operations {
			var in value.Members
			for _, p := range o.parameters {
				in.Set(p.key, value.String("x1"))
			}
			if o.body != nil {
				in.Set(payload, value.Object()).Set(contentType, value.String(o.body.types[0]))
				if t := o.body.types[0]; !isJSON(t) && !strings.Contains(t, "form") {
					in.Set(payload, value.String(""))
					if o.body.required {
						in.Set(payload, value.String("aGk="))
					}
				}
			}
			if _, err := o.request(in.Value()); err != nil {
				t.Errorf("%s: %s: %v", name, o.name, err)
			}
			if o.incoming().Exceeds(mostSize*200) || o.outgoing.Exceeds(mostSize*200) {
				t.Errorf("%s: the schemas of %s are too large", name, o.name)
			}
		}
	}
}
