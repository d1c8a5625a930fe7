package server

import (
	"fmt"
	"slices"

	"github.com/heddlehq/heddle/engine/library"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// componentTypes are the kinds of documents that can be added to a project.
var componentTypes = []workflows.ComponentType{
	workflows.ComponentAnalyticTemplate, workflows.ComponentCommandTemplate, workflows.ComponentForm,
	workflows.ComponentTemplate, workflows.ComponentTransformation, workflows.ComponentWorkflow,
}

// addComponents takes {"components": [{type, reference, folder}], "mode": "move" or "copy"}
// into a project.
func addComponents(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	list, err := need(body, "components", value.KindArray)
	if err != nil {
		return value.Absent, err
	}
	mode, err := optionalText(body, "mode")
	if err != nil {
		return value.Absent, err
	}
	if mode != "" && mode != "move" && mode != "copy" {
		return value.Absent, badAt("/mode", "enum", "\"mode\" must be \"move\" or \"copy\", not %q.", mode)
	}
	if list.Len() == 0 || list.Len() > maxLimit {
		return value.Absent, badAt("/components", "count", "\"components\" must list 1 to %d documents, not %d.", maxLimit, list.Len())
	}
	parts := make([]library.Addition, list.Len())
	for i, e := range list.Elements() {
		at := fmt.Sprintf("/components/%d", i)
		part := library.Addition{Type: workflows.ComponentType(e.Get("type").Text()), Key: e.Get("reference").Text(), Folder: orText(e.Get("folder").Text(), "/")}
		if !slices.Contains(componentTypes, part.Type) {
			return value.Absent, badAt(at+"/type", "enum", "A component's \"type\" must be one of %v, not %s.", componentTypes, orNull(e.Get("type")))
		}
		if part.Key == "" {
			return value.Absent, badAt(at+"/reference", "required", "A component needs the id or the name of a document in \"reference\".")
		}
		if part.Type == workflows.ComponentWorkflow {
			if _, err := c.workflow(part.Key); err != nil {
				return value.Absent, err
			}
		}
		parts[i] = part
	}
	s, err := c.project(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	if s, err = c.Library.AddComponents(c.Request().Context(), s.ID(), parts, mode != "copy", c.who.ID); err != nil {
		return value.Absent, err
	}
	return enveloped(fmt.Sprintf("Successfully added %d components", len(parts)), c.projectDoc()(s.Doc)), nil
}

// getThumbnail answers a project's picture.
func getThumbnail(c *call) (value.Value, error) {
	s, err := c.project(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	return enveloped("Successfully retrieved thumbnail", thumbnail(s.Doc)), nil
}

func thumbnail(project value.Value) value.Value {
	return value.Object("imageData", orNull(project.Get("thumbnail")), "backgroundColor", orNull(project.Get("backgroundColor")))
}

// setThumbnail takes {"imageData", "backgroundColor"}; an empty picture removes it.
func setThumbnail(c *call) (value.Value, error) {
	body, err := c.object()
	if err != nil {
		return value.Absent, err
	}
	change := value.Object()
	for from, to := range map[string]string{"imageData": "thumbnail", "backgroundColor": "backgroundColor"} {
		if _, err := optionalText(body, from); err != nil {
			return value.Absent, err
		}
		if body.Has(from) {
			change = change.With(to, body.Get(from))
		}
	}
	if change.Len() == 0 {
		return value.Absent, badAt("/imageData", "required", "The body needs the text \"imageData\" or \"backgroundColor\".")
	}
	s, err := c.project(c.text("id"))
	if err != nil {
		return value.Absent, err
	}
	if s, err = c.Library.AmendProject(c.Request().Context(), s.ID(), change, c.who.ID); err != nil {
		return value.Absent, err
	}
	return enveloped("Successfully updated thumbnail", thumbnail(s.Doc)), nil
}
