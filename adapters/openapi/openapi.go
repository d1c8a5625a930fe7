// Package openapi makes kinds of adapters from OpenAPI 3 and Swagger 2 documents: one method for
// each operation, with the schemas of the document for its parameters and its answer.
//
// The kind's app is "<title>:<version>" of the document. Methods are called as their operationId,
// or by method and path, such as getPetsPetId for GET /pets/{petId}. Parameters keep their names;
// a body is requestBodyPayload, and bodyContentType chooses among several types. The one output,
// response, is {body, headers, statusCode}.
//
// An instance of the kind needs no more than credentials, by the names of the document's
// security schemes, and an address when the document has none:
//
//	{"url": "https://netbox.example.com", "allow": ["10.1.0.0/16"],
//	 "security": {"tokenAuth": {"key": "Token $secret.netbox"}}}
//
// The reader takes what it needs and leaves the rest alone, because documents in use are seldom
// valid to the letter: a wrong schema deep in an answer must not keep an operation from being called.
package openapi

import (
	"context"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Import reads a document in JSON or YAML. The kind is nil when the problems hold an error;
// warnings name places that were read as something more general. References to other documents
// are never followed.
func Import(data []byte) (*adapters.Kind, workflows.Problems) {
	d := &document{names: map[string]bool{}, schemas: map[schemaKey]expanded{}}
	if !d.parse(data) {
		return nil, d.problems
	}
	d.readVersion()
	title, version := d.info("title"), d.info("version")
	d.readSecurity()
	d.readOperations()
	d.problems = once(d.problems)
	if d.problems.Err() != nil {
		return nil, d.problems
	}
	k := &adapters.Kind{
		App: title + ":" + version, Name: slug(title + "-" + version), Version: version, Summary: firstLine(d.root.Path("info", "description").Text()),
		Config: adapters.SchemaOf[Config]().WithPath([]string{"properties", "url", "description"}, value.String(addressHelp)),
		Open:   func(_ context.Context, i adapters.Instance) (any, error) { return open(d, i.Config) },
	}
	if k.Summary == "" {
		k.Summary = title
	}
	for _, o := range d.operations {
		k.Methods = append(k.Methods, o.method())
	}
	return k, d.problems
}

const addressHelp = "address of the service in place of the document's. One without a path gets the document's path when the document has no host"

// once leaves out what was found again on another way to the same place.
func once(ps workflows.Problems) workflows.Problems {
	seen := map[[2]string]bool{}
	return slices.DeleteFunc(ps, func(p workflows.Problem) bool {
		key := [2]string{p.Pointer, p.Text}
		again := seen[key]
		seen[key] = true
		return again
	})
}

// method is the operation as a method of the kind.
func (o *operation) method() adapters.Spec {
	s := adapters.MethodOf(o.name, o.incoming(), o.outgoing, o.call).Says(o.summary).MayWarn()
	if o.readOnly() {
		s = s.ReadOnly()
	}
	return s
}

// slug is a name of lower-case letters, digits and dashes.
func slug(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	if len(words) == 0 {
		return "openapi"
	}
	return strings.Join(words, "-")
}

// firstLine is the first line of a description, of a length that fits a list.
func firstLine(text string) string {
	const most = 200
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if runes := []rune(strings.TrimSpace(line)); len(runes) > most {
		return string(runes[:most]) + " ..."
	}
	return strings.TrimSpace(line)
}

// info is a required text of the document's info; a number stands for its text.
func (d *document) info(name string) string {
	v := d.root.Path("info", name)
	text := ""
	if v.IsString() || v.IsNumber() {
		text = strings.TrimSpace(plain(v))
	}
	if text == "" {
		d.wrong(workflows.Error, "/info/"+name, "info", "must be given: the adapter is called <title>:<version>")
	}
	return text
}

func plain(v value.Value) string {
	if v.IsString() {
		return v.Text()
	}
	return v.String()
}
