/**
 * Sends a model.
 * @returns {Promise<{problems: string[]}>} what is wrong with it; nothing where it was taken
 */
export async function send(input, name, spec, lost) {
  try {
    // A thousand names of classes are too long for an address. The file comes last.
    const form = new FormData();
    form.append("name", name);
    form.append("spec", spec);
    form.append("file", input.files[0] ?? new Blob([]), "model.onnx");
    const response = await fetch("/api/v1/models", { method: "POST", body: form, headers: { "X-Annotator": "1", Accept: "application/json" }, credentials: "same-origin" });
    if (response.status === 201) return { problems: [] };
    const answer = await response.json().catch(() => null);
    const problems = Object.entries(answer?.errors ?? {}).flatMap(([field, reasons]) => reasons.map((reason) => `${field}: ${reason}`));
    return { problems: problems.length > 0 ? problems : [answer?.detail ?? lost] };
  } catch {
    return { problems: [lost] };
  }
}
