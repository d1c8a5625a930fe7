package workflows

import (
	"fmt"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// Project is a set of documents that travel together. Inside the file their names are plain;
// on a server each is registered under [PrefixName], so that projects cannot collide.
type Project struct {
	Doc         value.Value
	ID          string // 24 hexadecimal digits; "" until stored
	Name        string
	Description string
	Components  []Component
	Folders     []Folder
}

// Component is one document of a project. Types that Heddle does not know are kept as they
// are.
type Component struct {
	IID       int64 // its number within the project
	Type      ComponentType
	Reference string // the document's id, or its registered name for command templates
	Path      string // "/folder/folder", "/" for the top
	Name      string // plain
	Document  value.Value
}

// Folder is a place of a project's tree: a folder with a name and places of its own, or a
// component.
type Folder struct {
	Name     string // "" for a component
	IID      int64  // a component's number
	Children []Folder
}

// ParseProject reads a project file. It checks the file's form and its components' names;
// [Project.Validate] checks the workflows in it.
func ParseProject(doc value.Value) (*Project, Problems) {
	r := &reader{}
	p := &Project{Doc: doc}
	if !doc.IsObject() {
		r.errorf("", "type", "A project must be a JSON object, not %s.", article(doc.Kind()))
		return p, r.problems
	}
	p.ID = r.text(doc, "", "_id", false)
	if p.ID != "" && !isHex(p.ID, 24, 24) {
		r.errorf("/_id", "type", "A project's \"_id\" must be 24 hexadecimal digits, not %s.", quote(p.ID))
		p.ID = ""
	}
	p.Name = r.text(doc, "", "name", true)
	p.Description = r.text(doc, "", "description", false)
	if doc.Get("components").IsNothing() {
		r.errorf("/components", "required", "\"components\" is required and must be an array.")
	}
	iids := make(map[int64]bool)
	names := make(map[string]bool)
	for i, c := range r.kind(doc, "", "components", value.KindArray).Elements() {
		at := pointer("components", itoa(i))
		out, ok := r.component(p.ID, c, at)
		if !ok {
			continue
		}
		if iids[out.IID] {
			r.errorf(at+"/iid", "duplicate", "Another component has the number %d.", out.IID)
		}
		if key := string(out.Type) + " " + out.Name; out.Name != "" && names[key] {
			r.errorf(at+"/document/name", "duplicate", "Another %s is called %s.", out.Type, quote(out.Name))
		} else {
			names[key] = true
		}
		iids[out.IID] = true
		p.Components = append(p.Components, out)
	}
	p.Folders = r.folders(doc, "", "folders", iids)
	return p, r.problems
}

func (r *reader) component(project string, v value.Value, at string) (Component, bool) {
	if !v.IsObject() {
		r.errorf(at, "type", "A component must be an object, not %s.", article(v.Kind()))
		return Component{}, false
	}
	c := Component{
		IID:       r.whole(v, at, "iid"),
		Type:      ComponentType(r.text(v, at, "type", true)),
		Reference: r.text(v, at, "reference", false),
		Path:      r.text(v, at, "folder", false),
		Document:  r.kind(v, at, "document", value.KindObject),
	}
	if c.Document.IsAbsent() {
		if v.Get("document").IsNothing() {
			r.errorf(at+"/document", "required", "A component needs its document.")
		}
		return c, true
	}
	c.Name = r.text(c.Document, at+"/document", "name", c.Type.known())
	if owner, plain := SplitName(c.Name); owner != "" {
		if owner != project {
			r.errorf(at+"/document/name", "name", "The name carries the prefix of another project, %s.", owner)
		}
		c.Name = plain
	}
	return c, true
}

// known tells whether components of the type have a form that Heddle understands.
func (t ComponentType) known() bool {
	switch t {
	case ComponentAnalyticTemplate, ComponentCommandTemplate, ComponentForm, ComponentTemplate, ComponentTransformation, ComponentWorkflow:
		return true
	}
	return false
}

func (r *reader) folders(v value.Value, at, key string, iids map[int64]bool) []Folder {
	var out []Folder
	for i, n := range r.kind(v, at, key, value.KindArray).Elements() {
		at := at + pointer(key, itoa(i))
		switch n.Get("nodeType").Text() {
		case "folder":
			out = append(out, Folder{Name: r.text(n, at, "name", true), Children: r.folders(n, at, "children", iids)})
		case "component":
			iid, ok := n.Get("iid").Int()
			if !ok || !iids[iid] {
				r.errorf(at+"/iid", "dangling", "The folder names a component that the project does not have.")
				continue
			}
			out = append(out, Folder{IID: iid})
		default:
			r.errorf(at+"/nodeType", "enum", "A place of the folders must be a \"folder\" or a \"component\".")
		}
	}
	return out
}

// Registered is the component's document as a server of the project stores it: under its
// prefixed name.
func (c *Component) Registered(project string) value.Value {
	return c.Document.With("name", value.String(PrefixName(project, c.Name)))
}

// Plain is the component's document as a project file carries it: under its plain name, and
// without what belongs to the server.
func (c *Component) Plain() value.Value {
	doc := c.Document
	if doc.IsObject() && doc.Get("name").Text() != c.Name {
		doc = doc.With("name", value.String(c.Name))
	}
	if c.Type == ComponentWorkflow {
		doc = doc.Without(serverFields...)
	}
	return doc
}

// Export gives the project's file: as it was read, with the components as they are now.
// Fields that only say when and by whom are kept.
func (p *Project) Export() value.Value {
	read := make(map[int64]value.Value)
	for _, c := range p.Doc.Get("components").Elements() {
		if iid, ok := c.Get("iid").Int(); ok {
			read[iid] = c
		}
	}
	var out []value.Value
	for i := range p.Components {
		c := &p.Components[i]
		head := read[c.IID]
		for _, m := range []struct {
			key string
			to  value.Value
		}{
			{"iid", value.Int(c.IID)}, {"reference", value.String(c.Reference)}, {"type", value.String(string(c.Type))},
			{"folder", value.String(c.Path)}, {"document", c.Plain()},
		} {
			if !value.Equal(head.Get(m.key), m.to) && !(m.to.IsString() && m.to.Text() == "" && head.Get(m.key).IsNothing()) {
				head = head.With(m.key, m.to)
			}
		}
		out = append(out, head)
	}
	doc := p.Doc.With("components", value.Array(out...))
	if p.ID != doc.Get("_id").Text() {
		doc = doc.With("_id", value.String(p.ID))
	}
	return doc
}

// Rename gives the project under another id. Every text in its documents that begins with
// the old prefix, such as the workflow of a childJob or a template's name, gets the new one.
func (p *Project) Rename(id string) *Project {
	out := *p
	out.ID = id
	out.Doc = p.Doc.With("_id", value.String(id))
	out.Components = slices.Clone(p.Components)
	for i := range out.Components {
		c := &out.Components[i]
		c.Document = Reprefix(c.Document, p.ID, id)
		c.Reference = Reprefix(value.String(c.Reference), p.ID, id).Text()
	}
	return &out
}

// Reprefix replaces the prefix of one project by that of another in every text of a document
// that begins with it. It is how names follow a project that is imported under a new id.
func Reprefix(doc value.Value, from, to string) value.Value {
	if from == "" || from == to {
		return doc
	}
	return reprefix(doc, PrefixName(from, ""), PrefixName(to, ""))
}

func reprefix(v value.Value, from, to string) value.Value {
	switch v.Kind() {
	case value.KindString:
		if rest, ok := strings.CutPrefix(v.Text(), from); ok {
			return value.String(to + rest)
		}
	case value.KindArray:
		out := v.Slice()
		changed := false
		for i, e := range out {
			out[i] = reprefix(e, from, to)
			changed = changed || out[i] != e
		}
		if changed {
			return value.Array(out...)
		}
	case value.KindObject:
		var out value.Members
		changed := false
		for k, m := range v.Members() {
			n := reprefix(m, from, to)
			changed = changed || n != m
			out.Set(k, n)
		}
		if changed {
			return out.Value()
		}
	}
	return v
}

// Exists makes a project a [Resolver] of its own components, by reference, plain name and
// registered name.
func (p *Project) Exists(t ComponentType, idOrName string) bool {
	owner, plain := SplitName(idOrName)
	return slices.ContainsFunc(p.Components, func(c Component) bool {
		if c.Type != t {
			return false
		}
		return c.Reference == idOrName || c.Name == plain && (owner == "" || owner == p.ID) ||
			c.Document.Get("_id").Text() == idOrName && idOrName != ""
	})
}

// Validate loads every workflow of the project and reports their problems with pointers into
// the project file. The components know each other; outer answers for everything else and
// may be nil, then references to the outside are not checked.
func (p *Project) Validate(c Catalog, outer Resolver) Problems {
	var r Resolver
	if outer != nil {
		r = either{p, outer}
	}
	var out Problems
	for i, e := range p.Doc.Get("components").Elements() {
		if ComponentType(e.Get("type").Text()) != ComponentWorkflow || !e.Get("document").IsObject() {
			continue
		}
		_, problems := Load(e.Get("document"), c, r)
		for _, problem := range problems {
			problem.Pointer = fmt.Sprintf("/components/%d/document%s", i, problem.Pointer)
			out = append(out, problem)
		}
	}
	return out
}

type either struct{ a, b Resolver }

func (e either) Exists(t ComponentType, idOrName string) bool {
	return e.a.Exists(t, idOrName) || e.b.Exists(t, idOrName)
}
