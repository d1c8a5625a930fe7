package schemas

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/workflows/value"
)

func TestNamed(t *testing.T) {
	t.Parallel()
	want := []string{
		"adapter-manifest", "automation", "event-message", "job", "payload-answer", "payload-request", "project", "sequence", "task", "task-finished", "task-log",
		"task-message", "task-progress", "task-run", "task-started", "transition", "trigger", "workflow",
	}
	if diff := cmp.Diff(want, Names()); diff != "" {
		t.Errorf("Names (-want +got):\n%s", diff)
	}
	for _, name := range Names() {
		s, err := Named(name)
		if err != nil {
			t.Errorf("Named(%q): %v", name, err)
			continue
		}
		if len(s.Check(value.Int(1))) == 0 {
			t.Errorf("schema %q accepts a number", name)
		}
	}
	if _, err := Named("nothing"); err == nil {
		t.Error(`Named("nothing") is no error`)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		schema, in string
		want       []string // keyword instancePath schemaPath message
	}{
		"additional":         {`{"properties":{"a":{}},"patternProperties":{"^x":{}},"additionalProperties":false}`, `{"a":1,"b":2,"x1":1,"c":3}`, []string{"additionalProperties||#/additionalProperties|must NOT have additional properties: 'b'", "additionalProperties||#/additionalProperties|must NOT have additional properties: 'c'"}},
		"any of":             {`{"anyOf":[{"type":"string"},{"minimum":5}]}`, `3`, []string{"type||#/anyOf/0/type|must be string", "minimum||#/anyOf/1/minimum|must be >= 5", "anyOf||#/anyOf|must match a schema in anyOf"}},
		"big whole number":   {`{"enum":[9007199254740993]}`, `9007199254740992`, []string{"enum||#/enum|must be equal to one of the allowed values"}},
		"boolean required":   {`{"properties":{"a":{"type":"string","required":true},"b":{"required":false}}}`, `{}`, []string{"required||#/required|must have required property 'a'"}},
		"const":              {`{"const":"x"}`, `"y"`, []string{"const||#/const|must be equal to constant"}},
		"definitions":        {`{"definitions":{"p":{"type":"integer"}},"properties":{"a":{"$ref":"#/definitions/p"}}}`, `{"a":"1"}`, []string{"type|/a|#/definitions/p/type|must be integer"}},
		"dependencies":       {`{"dependencies":{"a":["b"]}}`, `{"a":1}`, []string{"dependentRequired||#/dependentRequired|must have property b when property a is present"}},
		"draft 4 limits":     {`{"minimum":3,"exclusiveMinimum":true}`, `3`, []string{"exclusiveMinimum||#/exclusiveMinimum|must be > 3"}},
		"empty enum":         {`{"enum":[]}`, `3`, nil},
		"escaped names":      {`{"properties":{"a/b ~c":{"type":"string"}}}`, `{"a/b ~c":1}`, []string{"type|/a~1b ~0c|#/properties/a~1b ~0c/type|must be string"}},
		"false schema":       {`{"properties":{"a":false}}`, `{"a":1}`, []string{"false schema|/a|#/properties/a/false schema|boolean schema is false"}},
		"foreign keywords":   {`{"type":"object","examples":"none","title":5,"struct":{"items":[{"type":"text"}]}}`, `{}`, nil},
		"format":             {`{"format":"ipv4"}`, `"1.2.3"`, []string{`format||#/format|must match format "ipv4"`}},
		"identifiers":        {`{"$id":"device","properties":{"a":{"$id":"device","type":"string"},"b":{"$id":"http://example.com/b"}}}`, `{"a":1}`, []string{"type|/a|#/properties/a/type|must be string"}},
		"identifier refs":    {`{"properties":{"a":{"$id":"dev","type":"string"},"b":{"$ref":"dev"}}}`, `{"b":1}`, []string{"type|/b|#/properties/a/type|must be string"}},
		"lengths":            {`{"minLength":2,"pattern":"^a"}`, `"b"`, []string{"minLength||#/minLength|must NOT have fewer than 2 characters", `pattern||#/pattern|must match pattern "^a"`}},
		"list of items":      {`{"items":[{"type":"string"}],"additionalItems":false}`, `["a",1]`, []string{"false schema|/1|#/items/false schema|boolean schema is false"}},
		"misspelt type":      {`{"type":"text"}`, `1`, nil},
		"multiple":           {`{"multipleOf":2}`, `3`, []string{"multipleOf||#/multipleOf|must be multiple of 2"}},
		"no schema at all":   {`{"properties":{"a":"string","b":null},"required":"a","items":7,"minLength":"x"}`, `{"a":1}`, nil},
		"not":                {`{"not":{"type":"string"}}`, `"a"`, []string{"not||#/not|must NOT be valid"}},
		"one of":             {`{"oneOf":[{"minimum":1},{"minimum":2}]}`, `3`, []string{"oneOf||#/oneOf|must match exactly one schema in oneOf"}},
		"property type":      {`{"properties":{"type":{"type":"string"},"required":{"type":"null"}},"required":["required"]}`, `{"type":1}`, []string{"required||#/required|must have required property 'required'", "type|/type|#/properties/type/type|must be string"}},
		"recursion":          {`{"properties":{"next":{"$ref":"#"},"n":{"type":"number"}}}`, `{"next":{"next":{"n":"x"}}}`, []string{"type|/next/next/n|#/properties/n/type|must be number"}},
		"several types":      {`{"type":["string","null"]}`, `1`, []string{"type||#/type|must be string,null"}},
		"then":               {`{"if":{"properties":{"a":{"const":1}}},"then":{"required":["b","c"]}}`, `{"a":1}`, []string{"required||#/then/required|must have required property 'b'", "required||#/then/required|must have required property 'c'"}},
		"tiny number":        {`{"type":"integer"}`, `1e-999999999`, nil},
		"unique":             {`{"uniqueItems":true}`, `[1,2,1]`, []string{"uniqueItems||#/uniqueItems|must NOT have duplicate items (items at index 0 and 2 are equal)"}},
		"valid":              {`{"type":"object","required":["a"],"properties":{"a":{"type":"integer"}}}`, `{"a":1e2}`, nil},
		"whole is a number":  {`{"type":"number"}`, `3`, nil},
		"whole with a point": {`{"type":"integer"}`, `3.0`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Compile(value.MustParse(tc.schema))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, v := range s.Check(value.MustParse(tc.in)) {
				got = append(got, strings.Join([]string{v.Keyword, v.InstancePath, v.SchemaPath, v.Message}, "|"))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompile_refused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ schema, want string }{
		"dangling reference": {`{"properties":{"a":{"$ref":"#/definitions/b"}}}`, `/properties/a/$ref: the reference "#/definitions/b" leads to nothing`},
		"file":               {`{"$ref":"file:///etc/passwd"}`, `/$ref: the reference "file:///etc/passwd" leads out of the document`},
		"look-ahead":         {`{"properties":{"a":{"pattern":"(?=x)"}}}`, `/properties/a/pattern: the pattern "(?=x)" cannot be used`},
		"not a schema":       {`"x"`, `a JSON Schema must be an object or a boolean, not string`},
		"remote reference":   {`{"$ref":"https://example.com/s.json#/a"}`, `leads out of the document`},
		"shipped reference":  {`{"$ref":"task.schema.json"}`, `leads out of the document`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Compile(value.MustParse(tc.schema))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestCompile_selfReference(t *testing.T) {
	t.Parallel()
	s, err := Compile(value.MustParse(`{"$ref":"#"}`))
	if err != nil {
		return
	}
	if got := s.Check(value.Int(1)); len(got) == 0 {
		t.Error("a schema that only refers to itself accepts a value")
	}
}

func TestCompile_cache(t *testing.T) {
	t.Parallel()
	c := &cache{byKey: make(map[[32]byte]*Schema)}
	for i := range cacheSize + 10 {
		c.put([32]byte{byte(i), byte(i >> 8)}, &Schema{})
	}
	if got := len(c.byKey); got != cacheSize {
		t.Errorf("%d schemas are kept, want %d", got, cacheSize)
	}
	if _, ok := c.get([32]byte{9}); ok {
		t.Error("the oldest schema is still kept")
	}
	if _, ok := c.get([32]byte{10}); !ok {
		t.Error("a schema that fits is gone")
	}
}

func TestNamed_messages(t *testing.T) {
	t.Parallel()
	const address = `"v":1,"key":"k","job":"0123456789abcdef01234567","task":"a1","iteration":1,"attempt":1`
	for name, tc := range map[string]struct {
		schema, in string
		valid      bool
	}{
		"error without error":   {"event-message", `{` + address + `,"type":"TaskFinished","finishState":"error"}`, false},
		"finished":              {"event-message", `{` + address + `,"type":"TaskFinished","finishState":"success","outgoing":{"a":1}}`, true},
		"manifest":              {"adapter-manifest", `{"v":1,"app":"NetBox","kind":"netbox","methods":[{"name":"getDevices","incoming":{"type":"object"}}]}`, true},
		"order":                 {"task-message", `{` + address + `,"app":"NetBox","method":"getDevices","incoming":{}}`, true},
		"order of a version 2":  {"task-message", `{` + strings.Replace(address, `"v":1`, `"v":2`, 1) + `,"app":"NetBox","method":"getDevices","incoming":{}}`, false},
		"order without method":  {"task-message", `{` + address + `,"app":"NetBox","incoming":{}}`, false},
		"progress":              {"event-message", `{` + address + `,"type":"TaskProgress","percent":10}`, true},
		"progress over the top": {"event-message", `{` + address + `,"type":"TaskProgress","percent":101}`, false},
		"unknown event":         {"event-message", `{` + address + `,"type":"TaskVanished"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := Named(tc.schema)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Check(value.MustParse(tc.in)); (len(got) == 0) != tc.valid {
				t.Errorf("violations %v, want valid %v", got, tc.valid)
			}
		})
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{`true`, `{"$ref":"#"}`, `{"type":["a"],"items":[{}],"required":true}`, `{"$id":"a","$ref":"a#/x"}`, `{"enum":[1],"patternProperties":{"[":1}}`} {
		f.Add(s, `{"a":[1,"b"]}`)
	}
	f.Fuzz(func(t *testing.T, schema, in string) {
		doc, err := value.ParseLast([]byte(schema))
		if err != nil {
			return
		}
		v, err := value.ParseLast([]byte(in))
		if err != nil {
			return
		}
		s, err := Compile(doc)
		if err != nil {
			return
		}
		for _, violation := range s.Check(v) {
			if violation.Keyword == "" || violation.Message == "" || v.Lookup(violation.InstancePath).IsAbsent() {
				t.Errorf("violation %+v of %s by %s says nothing or points nowhere", violation, schema, in)
			}
		}
	})
}

func ExampleSchema_Check() {
	s, err := Compile(value.MustParse(`{"type": "object", "required": ["host"], "properties": {"port": {"type": "integer"}}}`))
	if err != nil {
		panic(err)
	}
	for _, v := range s.Check(value.MustParse(`{"port": "22"}`)) {
		fmt.Println(v.Error())
	}
	// Output:
	// must have required property 'host'
	// /port must be integer
}

// Every schema in the published documents compiles, and the documents fit the schemas that
// ship.
func TestCompile_corpus(t *testing.T) {
	t.Parallel()
	root := os.Getenv("HEDDLE_CORPUS")
	if root == "" {
		t.Skip("HEDDLE_CORPUS is not set")
	}
	for name, folder := range map[string]string{"automation": "automations", "project": "projects"} {
		shape, err := Named(name)
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(root, folder, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no documents in %s: %v", folder, err)
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := value.ParseLast(data)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range shape.Check(doc) {
				t.Errorf("%s: %s", filepath.Base(f), v.Error())
			}
			for _, c := range doc.Get("components").Elements() {
				c = c.Get("document")
				list := append(c.Get("incoming").Slice(), c.Get("outgoing").Slice()...)
				for _, s := range append(list, c.Get("inputSchema"), c.Get("outputSchema"), c.Get("schema")) {
					if !s.IsObject() {
						continue
					}
					if _, err := Compile(s); err != nil {
						t.Errorf("%s: %s: %v", filepath.Base(f), c.Get("name").Text(), err)
					}
				}
			}
		}
	}
}
