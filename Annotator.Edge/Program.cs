using Annotator.Edge;

return await EdgeProgram.RunAsync(args);
