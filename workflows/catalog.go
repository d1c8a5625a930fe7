package workflows

import "github.com/heddlehq/heddle/workflows/value"

// Method is a catalog entry: what a task of one kind takes and gives.
type Method struct {
	App           string
	Name          string
	CanvasName    string
	Summary       string
	Description   string
	DisplayName   string // palette group
	Location      string // Application or Adapter
	LocationType  string
	Type          TaskType
	View          string   // manual tasks: route of the user interface's component
	InvalidActors []string // actors the method cannot run as
	Incoming      []Param
	Outgoing      []Param
	Open          bool // takes and gives more than it lists: nothing is unknown
	Remote        bool // needs an adapter that Heddle does not bring along
	CanBlock      bool // may end "blocked"
	Guarded       bool // makes out its changes and asks the guard before it writes them
	Validates     bool // once approved, what is written is the very change set that was blocked
	CanWarn       bool // may carry continueOnError
}

// Param is a named input or output of a method.
type Param struct {
	Name        string
	Type        string      // JSON type, or "" for any
	Schema      value.Value // JSON Schema; Absent = any
	Required    bool
	Description string
	Values      []string // the closed set of a literal's text, if there is one
}

// Catalog knows the methods a workflow may call.
type Catalog interface {
	// Method finds a catalog entry. It is false for an unknown method; adapter methods
	// that nobody registered are unknown but may still be used.
	Method(app, name string) (Method, bool)
	// Methods lists every entry, ordered by app and name.
	Methods() []Method
}

// Param finds an input by name.
func (m *Method) Param(name string) (Param, bool) { return findParam(m.Incoming, name) }

// Output finds an output by name.
func (m *Method) Output(name string) (Param, bool) { return findParam(m.Outgoing, name) }

func findParam(ps []Param, name string) (Param, bool) {
	for _, p := range ps {
		if p.Name == name {
			return p, true
		}
	}
	return Param{}, false
}
