return await Annotator.Web.AnnotatorApp.RunAsync(args);
