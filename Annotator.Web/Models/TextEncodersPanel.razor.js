/**
 * Sends an encoder of texts: the model, and the files of its tokenizer.
 * @returns {Promise<{problems: {field: string, reason: string}[]}>} what is wrong with it; nothing where it was taken
 */
export async function send(model, tokenizer, name, spec, lost) {
  try {
    const form = new FormData();
    form.append("name", name);
    form.append("spec", spec);
    for (const file of tokenizer.files) form.append("tokenizer", file, "tokenizer");
    form.append("model", model.files[0] ?? new Blob([]), "model.onnx");
    const response = await fetch("/api/v1/encoders", { method: "POST", body: form, headers: { "X-Annotator": "1", Accept: "application/json" }, credentials: "same-origin" });
    if (response.status === 201) return { problems: [] };
    const answer = await response.json().catch(() => null);
    const problems = Object.entries(answer?.errors ?? {}).flatMap(([field, reasons]) => reasons.map((reason) => ({ field, reason })));
    return { problems: problems.length > 0 ? problems : [{ field: "", reason: answer?.detail ?? lost }] };
  } catch {
    return { problems: [{ field: "", reason: lost }] };
  }
}
